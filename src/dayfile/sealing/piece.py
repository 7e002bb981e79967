"""A piece of a seal: segments and former files in, day files out, for a range of accounts of one type and day.

A pure function from objects to objects under new keys. It uses no database and decides nothing: it may run anywhere,
twice at once, or die half way, and its files count for nothing until their rows are committed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from dayfile.files import disk
from dayfile.files.arrow import allocate_small_pages
from dayfile.files.soundness import compare
from dayfile.files.storage import Storage
from dayfile.files.workplace import Workplace
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.export import FilePlace, NewSealedDay
from dayfile.model.resource import ResourceType
from dayfile.objects.layout import sealed_key, sealed_prefix
from dayfile.sealing.day_files import Packing, Target, store_day_files, store_empty
from dayfile.sealing.dedupe import Accounts, Waiting, newest_lines
from dayfile.sealing.former_texts import FormerText
from dayfile.sealing.local_inputs import file_of, segments_of
from dayfile.sealing.ordered_lines import ordered_text

_HELD_SHARES: Final = 6
"""This fraction (1/n) of the memory is for lines that wait until their bucket is due. Most of the rest is for lines in
flight: being read, spilled, poured, compressed, stored."""


_COPIED_AT_ONCE: Final = 8  # segments, from a storage that is far away
_LOWEST: Final = AccountSid("AC" + "0" * 32)
_HIGHEST: Final = AccountSid("AC" + "f" * 32)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentInput:
    """A Parquet segment in the object storage; inline segments have been compacted into one before."""

    id: int
    key: str
    checksum: int | None = None  # as in its row
    records: int = 0  # the same
    plain_bytes: int = 0  # the same
    blocks: tuple[int, ...] | None = None  # to be read; None: all


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerFile:
    """The current file of one account: its lines take part in the seal, and lose a tie to any waiting line.

    If the file is lost, the key is that of its stand-in, an older revision, or None if there is none.
    """

    account: AccountSid
    key: str | None
    place: FilePlace | None  # of the file with the key
    size_bytes: int  # the same
    plain_bytes: int  # of the text, the same
    revision: int  # of the current file
    plain_sha256: str  # of the text of the file with the key
    is_lost: bool = False  # then a next one is always made, and is incomplete
    is_incomplete: bool = False  # as are all later ones

    @property
    def text(self) -> FormerText | None:
        """The text that takes part; None if there is none."""
        if self.key is None or self.place is None:
            return None
        return FormerText(key=self.key, place=self.place, size_bytes=self.size_bytes, plain_sha256=self.plain_sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """The input of one piece. Only the lines of accounts in its range count, whatever else the segments hold."""

    resource_type: ResourceType
    day: Day
    segments: tuple[SegmentInput, ...]
    formers: tuple[FormerFile, ...]  # of accounts in the range
    first_account: AccountSid | None  # included; None: from the very first
    last_account: AccountSid | None  # included; None: to the very last
    unique: str  # part of each object's key, unique to this attempt
    pack_below: int  # files of fewer bytes share packs; 0: none does
    left_out: frozenset[AccountSid] = frozenset()  # whose lines do not take part
    bereft: frozenset[AccountSid] = frozenset()  # without a former file, and with lost lines


def seal_piece(piece: Piece, *, at: Workplace) -> list[NewSealedDay]:
    """Store a new file for each account whose text has changed, and return their manifests. The files are durable.

    Accounts with unchanged text are left out, except those with lost records, whose new files may be empty.
    The workplace bounds the memory for records; the process needs some 300 MB more.

    Raises NotFound if an object is gone, Corrupt if one is damaged (`examine` finds out which), StorageUnavailable if
    the storage or the scratch folder fails, Unusable if the memory does not suffice.
    """
    allocate_small_pages()
    storage = at.storage
    with own_folder(at.scratch) as folder, ThreadPoolExecutor(at.threads) as pool:
        segments = _waiting(piece, storage=storage, scratch=folder)
        sealed: list[NewSealedDay] = []
        if segments:
            with newest_lines(
                segments,
                piece.resource_type,
                accounts=Accounts(first=piece.first_account, last=piece.last_account, without=piece.left_out),
                scratch=folder,
                memory_bytes=at.memory_bytes,
                threads=at.threads,
            ) as newest:
                paths = [segment.path for segment in segments]
                held_bytes = at.memory_bytes // _HELD_SHARES
                text = ordered_text(newest, paths, scratch=folder, memory_bytes=held_bytes, pool=pool)
                with closing(text):
                    packing = Packing(
                        below=piece.pack_below,
                        prefix=sealed_prefix(piece.resource_type, piece.day),
                        unique=_of_range(piece),
                    )
                    sealed += store_day_files(
                        newest.totals(), text, _targets(piece), packing=packing, storage=storage, pool=pool
                    )
        return sealed + list(_without_records(piece, sealed, storage=storage))


def _without_records(piece: Piece, sealed: Iterable[NewSealedDay], *, storage: Storage) -> Iterator[NewSealedDay]:
    """Yield files without records, for accounts that must have a file and have no lines left."""
    due = piece.bereft.union(former.account for former in piece.formers if former.is_lost)
    if not due:
        return
    target_of = _targets(piece)
    for account in sorted(due.difference(one.account for one in sealed)):
        yield store_empty(account, piece.day, target_of(account), storage=storage)


@contextmanager
def own_folder(scratch: Path) -> Iterator[Path]:
    """Provide a temporary folder in the scratch folder; raises StorageUnavailable."""
    with disk.reported("make a folder in the scratch folder"):
        folder = TemporaryDirectory(dir=scratch, ignore_cleanup_errors=True)
    with folder as name:
        yield Path(name)


def _waiting(piece: Piece, *, storage: Storage, scratch: Path) -> list[Waiting]:
    """Return the inputs of the piece, waiting segments and former files, as local segments."""

    def local(segment: SegmentInput) -> Waiting:
        copy = scratch / f"segment-{segment.id}"
        path = file_of(segment.key, storage=storage, copy=copy, accounts=_range(piece))
        compare(path, checksum=segment.checksum)
        return Waiting(id=segment.id, path=path, blocks=segment.blocks)

    with ThreadPoolExecutor(_COPIED_AT_ONCE if storage.is_remote else 1) as pool:
        waiting = list(pool.map(local, piece.segments))
    formers = (text for former in piece.formers if (text := former.text) is not None)
    paths = segments_of(formers, piece.resource_type, storage=storage, scratch=scratch)
    # Negative ids: a waiting segment, whose id is positive, arrived later than any sealed line.
    return waiting + [Waiting(id=-number, path=path) for number, path in enumerate(paths, start=1)]


def _range(piece: Piece) -> tuple[str, str] | None:
    """Return the digits of the first and the last account that a piece may have; None if it has all."""
    if piece.first_account is None and piece.last_account is None:
        return None
    return (piece.first_account or _LOWEST)[2:], (piece.last_account or _HIGHEST)[2:]


def _of_range(piece: Piece) -> str:
    """Return a text that no other piece of the seal has, for keys that name no account."""
    return piece.unique if piece.first_account is None else f"{piece.unique}-{piece.first_account[2:]}"


def _targets(piece: Piece) -> Callable[[AccountSid], Target]:
    """Return a function from an account to the target of its new file."""
    formers = {former.account: former for former in piece.formers}
    prefix = sealed_prefix(piece.resource_type, piece.day)

    def target_of(account: AccountSid) -> Target:
        former = formers.get(account)
        revision = former.revision + 1 if former else 1
        return Target(
            key=sealed_key(prefix, account, revision=revision, unique=piece.unique),
            revision=revision,
            former_plain_sha256=former.plain_sha256 if former and not former.is_lost else None,
            is_incomplete=account in piece.bereft or bool(former and (former.is_lost or former.is_incomplete)),
        )

    return target_of
