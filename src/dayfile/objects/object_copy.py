"""Copies of objects from one storage to another, compared on their way with what the rows say of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dayfile.errors import NotFound
from dayfile.files.backup_manifest import BackedUpObject
from dayfile.files.hashed import Hashed
from dayfile.files.storage import ListedObject, Storage
from dayfile.model.resource import parse_resource_type
from dayfile.objects import layout
from dayfile.objects.referred_objects import ReferredObject, WholeParts
from dayfile.store.referred import DayOfType


class ObjectCopy:
    """Copying from a storage to another one, of which it says how much was copied."""

    def __init__(self, source: Storage, target: Storage) -> None:
        self.source = source
        self.target = target
        self.copied = self.copied_bytes = 0

    def copy(self, of: DayOfType, one: ReferredObject) -> BackedUpObject | None:
        """Copy an object of a day, as it is, and say how it is; None if it is not in the source."""
        look = _Look(of, one)
        try:
            size = self.target.put(one.key, look.watch(self.source.read(one.key)))
        except NotFound:
            return None
        except FileExistsError:  # the list lagged behind
            return read(self.target, of, one)
        self.copied += 1
        self.copied_bytes += size
        return look.result()

    def has_whole(self, of: DayOfType, one: ReferredObject) -> bool:
        """Return True if the source has an object, and as its rows say."""
        found = read(self.source, of, one)
        return found is not None and not found.is_damaged


def read(storage: Storage, of: DayOfType, one: ReferredObject) -> BackedUpObject | None:
    """Read an object of a day to its end, and say how it is; None if there is none."""
    look = _Look(of, one)
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

    def __init__(self, of: DayOfType, one: ReferredObject) -> None:
        self._of = of
        self._one = one
        self._hashed: Hashed[bytes] = Hashed(())
        self._parts = WholeParts(one.parts)

    def watch(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        self._hashed = Hashed(blocks)
        for block in self._hashed:
            self._parts.update(block)
            yield block

    def result(self) -> BackedUpObject:
        size_bytes = self._hashed.size_bytes
        is_whole = self._parts.are_whole() and self._one.size_bytes in {None, size_bytes}
        return BackedUpObject(
            resource_type=self._of[0],
            day=str(self._of[1]),
            key=self._one.key,
            size_bytes=size_bytes,
            sha256=self._hashed.sha256,
            is_damaged=not is_whole,
        )
