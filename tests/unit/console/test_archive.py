"""Archives: what zipfile reads back, in constant memory, and no end after an error."""

from __future__ import annotations

import hashlib
import io
import tracemalloc
import zipfile
from collections.abc import Iterator

import pytest

from dayfile.console.archive import archive, archive_name
from dayfile.errors import DamagedFile
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.empty import EMPTY_FILE
from dayfile.model.export import DayFile, SealedDay
from dayfile.model.resource import MESSAGES
from tests.support.clock import NOON
from tests.support.day_file import a_day_file

ACCOUNT = AccountSid("AC" + "1" * 32)
BLOCK = b"0123456789abcdef" * 4096


def a_file(day: str, size_bytes: int | None) -> DayFile:
    """A published file of this size; None for a day without records."""
    of = Day.parse(day)
    sealed = (
        None
        if size_bytes is None
        else SealedDay(
            id=1,
            account=ACCOUNT,
            resource_type=MESSAGES,
            day=of,
            revision=1,
            key=day,
            records=1,
            size_bytes=size_bytes,
            plain_bytes=size_bytes,
            sha256="ab" * 32,
            plain_sha256="cd" * 32,
            encoder="test",
            first_created_at=of.start,
            last_created_at=of.start,
            sealed_at=NOON,
        )
    )
    return a_day_file(ACCOUNT, of, sealed=sealed)


def blocks_of(sealed: SealedDay) -> Iterator[bytes]:
    """The blocks of a file."""
    for start in range(0, sealed.size_bytes, len(BLOCK)):
        yield BLOCK[: sealed.size_bytes - start]


def test_an_archive_has_each_file_as_it_is() -> None:
    """The archive has the sums, too, by which sha256sum knows the files."""
    files = [a_file("2026-11-01", 100_000), a_file("2026-11-02", None), a_file("2026-11-03", 1)]
    with zipfile.ZipFile(io.BytesIO(b"".join(archive(files, blocks_of)))) as found:
        assert found.testzip() is None
        *names, sums = found.namelist()
        assert [found.read(name) for name in names] == [(BLOCK * 2)[:100_000], EMPTY_FILE, BLOCK[:1]]
        told = [line.split("  ") for line in found.read(sums).decode().splitlines()]
        assert [name for _, name in told] == names
        assert told[1][0] == hashlib.sha256(EMPTY_FILE).hexdigest()
    assert archive_name(ACCOUNT, MESSAGES, files) == f"{ACCOUNT}-Messages-2026-11-01-to-2026-11-03.zip"


def test_memory_is_that_of_a_block() -> None:
    """A year of large days is sent by a server that has other things to remember."""
    tracemalloc.start()
    size = sum(map(len, archive([a_file("2026-11-01", 64 * 1024 * 1024)], blocks_of)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 64 * 1024 * 1024
    assert peak < 2 * 1024 * 1024


def test_sizes_have_eight_bytes() -> None:
    """Zip64: a day may have more than four gigabytes, and nobody knows before it was read."""
    (first, *_) = archive([a_file("2026-11-01", 1)], blocks_of)
    version_needed = int.from_bytes(first[4:6], "little")
    assert first[:4] == b"PK\x03\x04"
    assert version_needed == 45


def test_an_archive_that_fails_has_no_end() -> None:
    """No program takes the part that was sent for an archive, whichever file has failed."""

    def read(sealed: SealedDay) -> Iterator[bytes]:
        yield b"x"
        if sealed.key == "2026-11-02":
            raise DamagedFile("Messages", sealed.key)

    got = bytearray()
    blocks = archive([a_file("2026-11-01", 1), a_file("2026-11-02", 1)], read)
    with pytest.raises(DamagedFile):
        _gather(blocks, into=got)
    assert got
    assert not zipfile.is_zipfile(io.BytesIO(got))


def _gather(blocks: Iterator[bytes], *, into: bytearray) -> None:
    for block in blocks:
        into += block
