"""Orphans: objects that nothing refers to and nobody will delete, and files of puts that nobody will finish."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import Final, TypeVar

from dayfile.files.storage import Storage, is_there
from dayfile.objects import layout
from dayfile.store.database import Database

_AT_ONCE: Final = 500

T = TypeVar("T")


class Orphans:
    """A search for orphans in the whole storage, some keys at a time."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database = database
        self._storage = storage

    def find(self) -> Iterator[str]:
        """Yield the keys of objects that are orphans."""
        for some in _portions(self._storage.scan(family) for family in layout.FAMILIES):
            # Objects that are written, sealed or swept meanwhile look like orphans once, and not a second time.
            for key in sorted(self._unreferred(self._unreferred(some))):
                if is_there(self._storage, key):
                    yield key

    def find_partial(self) -> Iterator[str]:
        """Yield the keys of partial files that are orphans: nobody writes them, and no ledger entry leads to them.

        A put is announced before its file is there, and made live when it is done. So of a file that was seen before
        the ledger was asked, and that no entry answers for, the put has ended: whatever the time, and however long its
        writer was frozen.
        """
        for some in _portions(self._storage.scan_partial(family) for family in layout.FAMILIES):
            with self._database.snapshot() as tx:
                answered = tx.uploads.answered_for(some, prefix_of=layout.announced_prefix)
            for key in some:
                if key not in answered and key in self._storage.scan_partial(key):  # not finished since it was seen
                    yield key

    def _unreferred(self, keys: Collection[str]) -> set[str]:
        places = {place for place in map(layout.sealed_place, keys) if place}
        with self._database.snapshot() as tx:
            return (
                set(keys)
                - tx.uploads.answered_for(keys, prefix_of=layout.announced_prefix)
                - tx.sealed_days.keys_of(places)
                - _of(keys, layout.pack_of, tx.packs.keys_among)
                - _of(keys, layout.manifest_mark, tx.seals.marks_among)
                - tx.seals.markers_among(keys)
                - tx.segments.keys_among(keys)
            )


def _of(
    keys: Collection[str], owner_of: Callable[[str], T | None], among: Callable[[Collection[T]], set[T]]
) -> set[str]:
    """Return the keys whose owner, a pack or a seal, is there."""
    owners = {key: owner for key in keys if (owner := owner_of(key)) is not None}
    there = among(set(owners.values()))
    return {key for key, owner in owners.items() if owner in there}


def _portions(families: Iterator[Iterator[str]]) -> Iterator[list[str]]:
    for keys in families:
        while some := list(islice(keys, _AT_ONCE)):
            yield some
