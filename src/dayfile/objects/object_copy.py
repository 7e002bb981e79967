"""Copies of objects from one storage to another, compared on their way with what the rows say of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dayfile.errors import NotFound
from dayfile.files.backup_manifest import BackedUpObject
from dayfile.files.hashed import Hashed
from dayfile.files.storage import ListedObject, Storage
from dayfile.model.resource import parse_resource_type
from dayfile.objects import layout
from dayfile.objects.referred_objects import ReferredObject, WholeParts
from dayfile.store.referred import DayOfType


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundObject:
    """An object of a day as it was read to its end."""

    key: str
    size_bytes: int
    sha256: str
    is_damaged: bool  # it is not what its row says
    damaged_files: tuple[str, ...]  # the names of those in it that are not

    def backed_up(self, of: DayOfType) -> BackedUpObject:
        """Return the line of it in the list of a backup."""
        return BackedUpObject(
            resource_type=of[0],
            day=str(of[1]),
            key=self.key,
            size_bytes=self.size_bytes,
            sha256=self.sha256,
            is_damaged=self.is_damaged,
        )


class ObjectCopy:
    """Copying from a storage to another one, of which it says how much was copied."""

    def __init__(self, source: Storage, target: Storage) -> None:
        self.source = source
        self.target = target
        self.copied = self.copied_bytes = 0

    def copy(self, one: ReferredObject) -> FoundObject | None:
        """Copy an object, as it is, and say how it is; None if it is not in the source."""
        look = _Look(one)
        try:
            size = self.target.put(one.key, look.watch(self.source.read(one.key)))
        except NotFound:
            return None
        except FileExistsError:  # the list lagged behind
            return read(self.target, one)
        self.copied += 1
        self.copied_bytes += size
        return look.result()

    def is_better(self, one: ReferredObject, *, than: FoundObject) -> bool:
        """Return True if the source has more of a damaged object than what the target has of it."""
        own = read(self.source, one)
        return own is not None and is_better(own, than)


def is_better(one: FoundObject, other: FoundObject) -> bool:
    """Return True if an object is whole, or has fewer damaged files, where the other one is damaged as well."""
    return not one.is_damaged or len(one.damaged_files) < len(other.damaged_files)


def read(storage: Storage, one: ReferredObject) -> FoundObject | None:
    """Read an object to its end, and say how it is; None if there is none."""
    look = _Look(one)
    try:
        for _ in look.watch(storage.read(one.key)):
            pass
    except NotFound:
        return None
    return look.result()


def listed(storage: Storage, of: DayOfType) -> Iterator[ListedObject]:
    """Yield the objects of a day that are in a storage."""
    resource_type = parse_resource_type(of[0])
    for prefix in (layout.sealed_prefix(resource_type, of[1]), layout.segments_prefix(resource_type, of[1])):
        yield from storage.listed(prefix)


class _Look:
    """A look at the bytes of an object as they go by."""

    def __init__(self, one: ReferredObject) -> None:
        self._one = one
        self._hashed: Hashed[bytes] = Hashed(())
        self._parts = WholeParts(one.parts)

    def watch(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        self._hashed = Hashed(blocks)
        for block in self._hashed:
            self._parts.update(block)
            yield block

    def result(self) -> FoundObject:
        size_bytes, damaged = self._hashed.size_bytes, self._parts.damaged()
        return FoundObject(
            key=self._one.key,
            size_bytes=size_bytes,
            sha256=self._hashed.sha256,
            is_damaged=bool(damaged) or self._one.size_bytes not in {None, size_bytes},
            damaged_files=damaged,
        )
