"""Packs in the making: where files come to lie, and when a pack is full."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec.structs import replace

from dayfile.files.storage import LocalStorage
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.export import NewSealedDay
from dayfile.model.resource import MESSAGES
from dayfile.sealing.packs import PACK_BYTES, PackWriter
from tests.support.sealed import a_sealed_file
from tests.support.state import a_sid

PREFIX = "sealed/"
FILE = a_sealed_file(AccountSid(a_sid("AC", "acme")), MESSAGES, Day.parse("2026-11-01"), revision=1)


@pytest.fixture
def thread() -> Iterator[Executor]:
    """A thread that stores."""
    with ThreadPoolExecutor(1) as thread:
        yield thread


def _add(writer: PackWriter, *data: bytes) -> None:
    """Some files that follow one another."""
    size = sum(map(len, data))
    key, at = writer.place(size)
    files: Future[list[NewSealedDay]] = Future()
    writer.add(data, size, files)
    manifests = []
    for one in data:
        manifests.append(replace(FILE, size_bytes=len(one), pack_key=key, pack_offset=at))
        at += len(one)
    files.set_result(manifests)  # not before it was added: it may be made later


def _read(storage: LocalStorage, one: NewSealedDay) -> bytes:
    assert one.pack_key is not None
    assert one.pack_offset is not None
    return b"".join(storage.read(one.pack_key, start=one.pack_offset, stop=one.pack_offset + one.size_bytes))


def test_every_file_lies_where_its_manifest_says(tmp_path: Path, thread: Executor) -> None:
    """They come some at a time, and their manifests may be made after they were added."""
    storage = LocalStorage.open(tmp_path)
    writer = PackWriter(storage, prefix=PREFIX, unique="ab", thread=thread)
    _add(writer, b"first", b"second")
    _add(writer, b"", b"third")
    files = list(writer.finish())
    writer.close()
    assert [_read(storage, one) for one in files] == [b"first", b"second", b"", b"third"]
    assert [one.pack_offset for one in files] == [0, 5, 11, 11]


def test_files_that_a_pack_has_no_room_for_begin_the_next(tmp_path: Path, thread: Executor) -> None:
    """So no pack is larger than it may be, and a pack that is full is durable while the next one is written."""
    storage = LocalStorage.open(tmp_path)
    writer = PackWriter(storage, prefix=PREFIX, unique="ab", thread=thread)
    half = bytes(PACK_BYTES // 2)
    _add(writer, half)
    _add(writer, half)
    _add(writer, b"x", b"y")
    files = list(writer.finish())
    writer.close()
    keys = sorted(storage.scan(PREFIX))
    assert [storage.size(key) for key in keys] == [PACK_BYTES, 2]
    assert [(one.pack_key, one.pack_offset) for one in files] == [
        (keys[0], 0),
        (keys[0], len(half)),
        (keys[1], 0),
        (keys[1], 1),
    ]
