"""The former files of a seal: read by few requests, side by side where each takes long, and never another's bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Lock

import pytest

from dayfile.errors import Corrupt, NotFound, StorageUnavailable
from dayfile.files import gzip, segments, stretches
from dayfile.files.storage import LocalStorage, Storage
from dayfile.files.workplace import Workplace
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.export import FilePlace
from dayfile.model.line_codec import encode_lines
from dayfile.model.resource import MESSAGES
from dayfile.sealing.examine import examine
from dayfile.sealing.former_texts import FormerText
from dayfile.sealing.local_inputs import segments_of
from dayfile.sealing.piece import FormerFile, Piece
from tests.support.memory_storage import MemoryStorage
from tests.support.record_lines import a_record
from tests.support.state import a_sid

AT = "2026-11-01T10:00:00Z"
PACKS = ("sealed/pack-1", "sealed/pack-2")


class Far(MemoryStorage):
    """A storage that notes what is read of it."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[tuple[str, int, int | None]] = []
        self._noting = Lock()

    def read(self, key: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        with self._noting:
            self.reads.append((key, start, stop))
        return super().read(key, start=start, stop=stop)


class Meeting(Far):
    """One in which a read goes on only when as many others are under way as the barrier has parties."""

    def __init__(self, barrier: Barrier) -> None:
        super().__init__()
        self._barrier = barrier

    def read(self, key: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        self._barrier.wait(timeout=60)
        return super().read(key, start=start, stop=stop)


def _line(number: int) -> bytes:
    account, sid = a_sid("AC", str(number)), a_sid("SM", str(number))
    return encode_lines([a_record(MESSAGES, sid=sid, account_sid=account, date_created=AT, date_updated=AT)])


def _file(number: int) -> tuple[FormerText, bytes]:
    """A file with one line, which has an object of its own."""
    data, digest = gzip.compress([_line(number)])
    key = f"sealed/file-{number}"
    place = FilePlace(object_key=key)
    return FormerText(key=key, place=place, size_bytes=len(data), plain_sha256=digest.plain_sha256), data


def _apart(storage: Storage, numbers: Sequence[int]) -> list[FormerText]:
    """Files that are objects."""
    files = [_file(number) for number in numbers]
    storage.put_many((former.key, data) for former, data in files)
    return [former for former, _ in files]


def _packed(storage: Storage, numbers: Sequence[int]) -> list[FormerText]:
    """Files in two packs, each account's in the other one than that of the account before."""
    packs = {key: bytearray() for key in PACKS}
    formers = []
    for number in numbers:
        former, data = _file(number)
        key = PACKS[number % 2]
        place = FilePlace(object_key=key, start=len(packs[key]), pack_id=1)
        packs[key] += data
        formers.append(replace(former, place=place))
    storage.put_many((key, bytes(data)) for key, data in packs.items() if data)
    return formers


def _lines(formers: Sequence[FormerText], storage: Storage, scratch: Path) -> list[bytes]:
    """The lines that take part in the seal, sorted."""
    paths = segments_of(formers, MESSAGES, storage=storage, scratch=scratch)
    return sorted(line for path in paths for line in segments.decode(path))


def _piece(formers: Sequence[FormerText]) -> Piece:
    """A piece with files of accounts, in their order."""
    return Piece(
        resource_type=MESSAGES,
        day=Day.parse(AT[:10]),
        segments=(),
        formers=tuple(
            FormerFile(
                account=AccountSid(a_sid("AC", former.key)),
                key=former.key,
                place=former.place,
                size_bytes=former.size_bytes,
                plain_bytes=1,
                revision=1,
                plain_sha256=former.plain_sha256,
            )
            for former in formers
        ),
        first_account=None,
        last_account=None,
        unique="u",
        pack_below=0,
    )


def test_files_of_a_pack_are_read_together(tmp_path: Path) -> None:
    """Late records of a thousand accounts were a thousand requests, and each takes its time and may be billed."""
    storage = Far()
    formers = _packed(storage, range(300))
    assert _lines(formers, storage, tmp_path) == sorted(map(_line, range(300)))
    assert sorted(key for key, *_ in storage.reads) == list(PACKS)


def test_what_is_read_at_once_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pack may have more than the memory that there is, and dead bytes that nobody wants."""
    storage = Far()
    formers = _packed(storage, range(60))
    size = max(former.size_bytes for former in formers)
    monkeypatch.setattr(stretches, "STRETCH_BYTES", 4 * size)
    monkeypatch.setattr(stretches, "_GAP_BYTES", size)
    wanted = [number for number in range(60) if not 10 <= number < 30]
    assert _lines([formers[number] for number in wanted], storage, tmp_path) == sorted(map(_line, wanted))
    assert all(stop is not None and stop - start <= 4 * size for _, start, stop in storage.reads)
    after_the_gap = {(formers[number].place.object_key, formers[number].place.start) for number in (30, 31)}
    assert after_the_gap <= {(key, start) for key, start, _ in storage.reads}


def test_a_file_that_is_too_large_to_be_held_is_read_as_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of a large customer has gigabytes."""
    monkeypatch.setattr(stretches, "STRETCH_BYTES", 10)
    storage = Far()
    formers = [*_packed(storage, range(4)), *_apart(storage, range(4, 8))]
    assert _lines(formers, storage, tmp_path) == sorted(map(_line, range(8)))
    assert len(storage.reads) == 8


def test_files_are_read_side_by_side_from_afar(tmp_path: Path) -> None:
    """One after the other, those of 30,000 accounts took nearly an hour."""
    storage = Meeting(Barrier(16))
    formers = _apart(storage, range(32))
    assert _lines(formers, storage, tmp_path) == sorted(map(_line, range(32)))


@pytest.mark.parametrize("storage", [Far(), None], ids=["far", "folder"])
def test_a_damaged_file_of_a_pack_is_named_alone(tmp_path: Path, storage: Far | None) -> None:
    """Its neighbours are read with it, and are whole: their accounts get their late records."""
    place = storage or LocalStorage(tmp_path / "objects")
    formers = _packed(place, range(10))
    bad = formers[4]
    data = bytearray(b"".join(place.read(bad.place.object_key)))
    data[bad.place.start + bad.size_bytes - 6] ^= 1
    place.delete([bad.place.object_key])
    place.put(bad.place.object_key, [bytes(data)])
    with pytest.raises(Corrupt):
        _lines(formers, place, tmp_path)
    here = Workplace(storage=place, scratch=tmp_path, memory_bytes=1 << 27, threads=1)
    assert [one.key for one in examine(_piece(formers), at=here).files] == [bad.key]


def test_damaged_files_are_looked_for_side_by_side(tmp_path: Path) -> None:
    """One damaged file of 30,000 made the others be read one after the other, before the day could be sealed."""
    storage = Meeting(Barrier(16))
    formers = _apart(storage, range(32))
    storage.delete([formers[7].key])
    storage.put(formers[7].key, [b"no gzip"])
    here = Workplace(storage=storage, scratch=tmp_path, memory_bytes=1 << 27, threads=1)
    assert [one.key for one in examine(_piece(formers), at=here).files] == [formers[7].key]


def test_a_missing_object_is_damage_of_each_of_its_files(tmp_path: Path) -> None:
    """And of no other: the files of the pack beside it are read on."""
    storage = Far()
    formers = _packed(storage, range(10))
    storage.delete([PACKS[0]])
    here = Workplace(storage=storage, scratch=tmp_path, memory_bytes=1 << 27, threads=1)
    lost = [former.key for former in formers if former.place.object_key == PACKS[0]]
    assert [one.key for one in examine(_piece(formers), at=here).files] == lost


def test_a_read_that_fails_fails_the_seal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the error that it has: the seal is tried again when the storage is back, and looks for damage if it is."""
    storage = Far()
    formers = _apart(storage, range(20))
    storage.delete([formers[7].key])
    with pytest.raises(NotFound, match="file-7"):
        _lines(formers, storage, tmp_path)

    def fail(key: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        raise StorageUnavailable("the bucket is away")

    monkeypatch.setattr(storage, "read", fail)
    with pytest.raises(StorageUnavailable, match="the bucket is away"):
        _lines(formers, storage, tmp_path)


def test_an_object_that_goes_on_after_its_file_is_damaged(tmp_path: Path) -> None:
    """Readers would stop at the end of the first member, or not: nobody may get such a file."""
    storage = Far()
    [former], data = _apart(storage, [1]), _file(1)[1]
    storage.delete([former.key])
    storage.put(former.key, [data + bytes(10)])
    with pytest.raises(Corrupt, match="goes on after its end"):
        _lines([former], storage, tmp_path)
