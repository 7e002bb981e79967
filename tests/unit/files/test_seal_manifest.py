"""Seal manifests: their lines are read by DuckDB and by `dayfile rebuild` of every version, so they never change."""

from __future__ import annotations

import gzip
from pathlib import Path

import msgspec
import pytest

from dayfile.errors import Corrupt
from dayfile.files.seal_manifest import ManifestHeader, manifest_line, read_manifest, write_manifest
from dayfile.files.storage import LocalStorage
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.resource import MESSAGES
from tests.support.sealed import a_sealed_file
from tests.support.state import a_sid

DAY = Day.parse("2026-10-01")
HEADER = ManifestHeader(resource_type=MESSAGES, day=DAY, mark="ab12", former_mark=None, sealed_at=None)
FILE = a_sealed_file(AccountSid(a_sid("AC", "acme")), MESSAGES, DAY, revision=2)
KEY = "seal-ab12.jsonl.gz"


def test_a_line_is_spelled_as_ever(tmp_path: Path) -> None:
    """No space, this order, seconds with a Z: what reads manifests may rely on it."""
    storage = LocalStorage.open(tmp_path)
    write_manifest(storage, KEY, HEADER, [manifest_line(FILE, "pack-0001-ab12", 17)])
    _, line = gzip.decompress((tmp_path / KEY).read_bytes()).decode().splitlines()
    assert line == (
        f'{{"account":"{FILE.account}","revision":2,"name":"{FILE.key}","object":"pack-0001-ab12","offset":17,'
        f'"size_bytes":{FILE.size_bytes},"sha256":"{FILE.sha256}","plain_bytes":{FILE.plain_bytes},'
        f'"plain_sha256":"{FILE.plain_sha256}","records":{FILE.records},'
        f'"first_date_created":"{FILE.first_created_at:%Y-%m-%dT%H:%M:%SZ}",'
        f'"last_date_created":"{FILE.last_created_at:%Y-%m-%dT%H:%M:%SZ}",'
        f'"encoder":"{FILE.encoder}","incomplete":false}}'
    )


def test_a_large_file_has_its_fast_digest_at_the_end(tmp_path: Path) -> None:
    """Behind what was there before, so that a line without one is what it always was."""
    storage, large = LocalStorage.open(tmp_path), msgspec.structs.replace(FILE, xxh3="f" * 32)
    lines = [manifest_line(one, "pack-0001-ab12", 17) for one in (FILE, large)]
    write_manifest(storage, KEY, HEADER, lines)
    _, without, with_it = gzip.decompress((tmp_path / KEY).read_bytes()).decode().splitlines()
    assert with_it == without.replace("}", f',"xxh3":"{large.xxh3}"}}')
    assert list(read_manifest(storage, KEY)[1]) == lines


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    """More lines than are encoded at once, in their order."""
    storage = LocalStorage.open(tmp_path)
    lines = [manifest_line(FILE, "pack-0001-ab12", number) for number in range(2001)]
    write_manifest(storage, KEY, HEADER, lines)
    header, found = read_manifest(storage, KEY)
    assert (header, list(found)) == (HEADER, lines)


@pytest.mark.parametrize("line", [b"{}", b"no JSON", b'{"account":"AC","revision":"two"}'])
def test_a_line_of_something_else_is_named_as_damage(tmp_path: Path, line: bytes) -> None:
    """Rebuild passes over such a manifest and names it; it must not end with an error that nobody expects."""
    storage = LocalStorage.open(tmp_path)
    write_manifest(storage, KEY, HEADER, [])
    text = gzip.decompress((tmp_path / KEY).read_bytes())
    (tmp_path / KEY).write_bytes(gzip.compress(text + line + b"\n"))
    _, lines = read_manifest(storage, KEY)
    with pytest.raises(Corrupt, match=KEY):
        list(lines)
