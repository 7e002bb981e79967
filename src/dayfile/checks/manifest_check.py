"""Manifests of seals and of rewritten packs: without the state database, nothing else leads to the sealed files."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from dayfile.checks.finding import Finding
from dayfile.errors import Corrupt, NotFound, StorageUnavailable
from dayfile.files.seal_manifest import read_manifest
from dayfile.files.storage import Storage
from dayfile.model.seal import KeptSeal
from dayfile.objects.layout import manifest_mark, objects_of_pack, pack_of
from dayfile.objects.seal_manifests import manifest_keys
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction

_PAGE: Final = 500
_REBUILT: Final = "sealed days can be rebuilt"
_TO_DO: Final = (
    "restore it from a backup, or wait for a worker, whose scrub (DAYFILE_SCRUB_DAYS) writes manifests anew. "
    "All files are served, but without it `dayfile rebuild` would not find them"
)


class ManifestCheck:
    """A check of the manifests of committed seals, of their markers, and of the manifests of rewritten packs."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database = database
        self._storage = storage

    def find(self, *, deep: bool) -> Iterator[Finding]:
        """Yield a finding for each that is missing; with `deep`, each is read, and damaged ones are found, too."""
        for one in self._seals():
            yield from self._of_keys(manifest_keys(one), deep=deep)
        with self._database.snapshot() as tx:
            packs = tx.packs.all()
        for pack in packs:
            yield from self._of_keys(objects_of_pack(pack.key)[1:], deep=deep)

    def _seals(self) -> Iterator[KeptSeal]:
        after = 0
        while True:
            with self._database.snapshot() as tx:
                page = tx.seals.kept(after=after, limit=_PAGE)
            if not page:
                return
            yield from page
            after = page[-1].id

    def _of_keys(self, keys: list[str], *, deep: bool) -> Iterator[Finding]:
        for key in keys:
            reason = self._reason(key, deep=deep)
            if reason is not None and self._still_counts(key):
                yield Finding(invariant=_REBUILT, subject=key, detail=f"{reason}: {_TO_DO}")

    def _reason(self, key: str, *, deep: bool) -> str | None:
        try:
            self._storage.size(key)
            if deep and pack_of(key) != key:  # a marker is empty
                _, lines = read_manifest(self._storage, key)
                deque(lines, maxlen=0)
        except NotFound:
            return "it is not there"
        except (Corrupt, StorageUnavailable) as error:
            return str(error)
        return None

    def _still_counts(self, key: str) -> bool:
        """Return False if its seal, or its pack, was forgotten meanwhile."""
        with self._database.snapshot() as tx:
            return _counts(tx, key)


def _counts(tx: Transaction, key: str) -> bool:
    mark = manifest_mark(key)
    if mark is not None:
        return bool(tx.seals.marks_among([mark]))
    return bool(tx.packs.keys_among([pack_of(key)]) or tx.seals.markers_among([key]))
