"""Examination of a failed piece's inputs, object by object, to find out which are damaged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dayfile.files.soundness import accounts_in, damaged_blocks, reason_of
from dayfile.files.storage import Storage
from dayfile.files.workplace import Workplace
from dayfile.model.account import AccountSid
from dayfile.sealing.former_texts import FormerText, damaged_among
from dayfile.sealing.local_inputs import file_of
from dayfile.sealing.piece import FormerFile, Piece, SegmentInput, own_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsoundSegment:
    """A segment that does not match its row."""

    id: int
    key: str
    reason: str
    sound_blocks: tuple[int, ...] = ()
    damaged_blocks: tuple[int, ...] | None = None  # None: all of them
    accounts: bytes | None = None  # packed: those with lines in the damaged blocks; None: all that its row names


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsoundFile:
    """A former file, or its stand-in, that does not match its manifest."""

    former: FormerFile
    key: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsound:
    """The damaged inputs of a piece."""

    segments: tuple[UnsoundSegment, ...] = ()
    files: tuple[UnsoundFile, ...] = ()
    unlisted: frozenset[AccountSid] = frozenset()  # they have lines, and no row of a segment names them

    def __bool__(self) -> bool:
        return bool(self.segments or self.files or self.unlisted)

    def __add__(self, other: Unsound) -> Unsound:
        found = {one.id: one for one in (*self.segments, *other.segments)}  # the later finding includes the earlier one
        return Unsound(
            segments=tuple(found.values()),
            files=(*self.files, *other.files),
            unlisted=self.unlisted | other.unlisted,
        )


def examine(piece: Piece, *, at: Workplace) -> Unsound:
    """Read all segments and former files of a piece, and return which are damaged.

    Raises StorageUnavailable if the storage is unavailable.
    """
    segments = [segment_damage(segment, storage=at.storage, scratch=at.scratch) for segment in piece.segments]
    return Unsound(
        segments=tuple(one for one in segments if one is not None), files=tuple(_files(piece.formers, at.storage))
    )


def segment_damage(segment: SegmentInput, *, storage: Storage, scratch: Path) -> UnsoundSegment | None:
    """Return the damage of a segment, or None if it is sound; raises StorageUnavailable."""
    found: list[UnsoundSegment | None] = []
    with own_folder(scratch) as folder:
        reason = reason_of(lambda: found.append(_with_blocks(segment, storage, copy=folder / "segment")))
    return UnsoundSegment(id=segment.id, key=segment.key, reason=reason) if reason else found[0]


def _with_blocks(segment: SegmentInput, storage: Storage, *, copy: Path) -> UnsoundSegment | None:
    path = file_of(segment.key, storage=storage, copy=copy)
    sound, damaged = damaged_blocks(path, checksum=segment.checksum, among=segment.blocks)
    if not damaged:
        return None
    return UnsoundSegment(
        id=segment.id,
        key=segment.key,
        reason=f"{len(damaged)} of its {len(sound) + len(damaged)} blocks have changed or cannot be read",
        sound_blocks=tuple(sound),
        damaged_blocks=tuple(damaged),
        accounts=accounts_in(path, damaged),
    )


def _files(formers: Iterable[FormerFile], storage: Storage) -> Iterator[UnsoundFile]:
    by_text: dict[FormerText, list[FormerFile]] = {}
    for former in formers:
        if former.text is not None:
            by_text.setdefault(former.text, []).append(former)
    for text, reason in damaged_among(by_text, storage):
        within = f" (it is in the pack {text.place.object_key})" if text.place.is_packed else ""
        yield from (UnsoundFile(former=former, key=text.key, reason=reason + within) for former in by_text[text])
