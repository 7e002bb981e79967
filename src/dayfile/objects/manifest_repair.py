"""The repair of manifests: one that is missing or damaged is written anew, as the database says what was in it.

No row has the hash of a manifest, and nobody reads one until the database is lost: then it is too late. What is written
is what counts now: files that were forgotten since then are left out, and others are named where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Final

import structlog

from dayfile.errors import StorageUnavailable
from dayfile.files.seal_manifest import ManifestHeader, ManifestLine, manifest_line, write_manifest
from dayfile.files.storage import Storage
from dayfile.model.export import SealedDay
from dayfile.model.seal import KeptSeal
from dayfile.objects.layout import pack_manifest_key, pack_mark, seal_manifest_key, sealed_prefix
from dayfile.store.database import Database
from dayfile.store.packs import Pack
from dayfile.store.transaction import Transaction

_log = structlog.get_logger()

_ROWS_AT_ONCE: Final = 2000


class ManifestRepair:
    """The writer of manifests that were written before and are no longer whole."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database = database
        self._storage = storage

    def of_seal(self, one: KeptSeal, mark: str, *, reason: str) -> None:
        """Write the manifest of a committed seal anew; raises DatabaseUnavailable."""
        with self._database.snapshot() as tx:
            former_mark = tx.seals.former_mark(one.resource_type, one.day, before=one.id)
            first = tx.sealed_days.of_seal(one.id, after=0, limit=1)
        header = ManifestHeader(
            resource_type=one.resource_type,
            day=one.day,
            mark=mark,
            former_mark=former_mark,
            sealed_at=first[0].sealed_at if first else one.committed_at,
        )
        key = seal_manifest_key(sealed_prefix(one.resource_type, one.day), mark)
        self._replace(
            key, header, self._files(one), reason=reason, counts=lambda tx: bool(tx.seals.marks_among([mark]))
        )

    def of_pack(self, pack: Pack, *, reason: str) -> None:
        """Write the manifest of a rewritten pack anew; raises DatabaseUnavailable."""
        with self._database.snapshot() as tx:
            files = tx.sealed_days.in_pack(pack)
        header = ManifestHeader(
            resource_type=pack.resource_type, day=pack.day, mark=pack_mark(pack.key), former_mark=None, sealed_at=None
        )
        key = pack_manifest_key(pack.key)
        self._replace(key, header, files, reason=reason, counts=lambda tx: bool(tx.packs.keys_among([pack.key])))

    def _files(self, one: KeptSeal) -> Iterator[SealedDay]:
        after = 0
        while True:
            with self._database.snapshot() as tx:
                page = tx.sealed_days.of_seal(one.id, after=after, limit=_ROWS_AT_ONCE)
            if not page:
                return
            yield from page
            after = page[-1].id

    def _replace(
        self,
        key: str,
        header: ManifestHeader,
        files: Iterable[SealedDay],
        *,
        reason: str,
        counts: Callable[[Transaction], bool],
    ) -> None:
        """Replace the object. Who dies in between leaves none, which the next walk finds."""
        if not self._is_so(counts):
            return
        try:
            self._storage.delete([key])
            with suppress(FileExistsError):  # somebody else was faster
                write_manifest(self._storage, key, header, map(_line, files))
            if not self._is_so(counts):
                self._storage.delete([key])  # forgotten meanwhile: its entry in the ledger may be gone already
                return
        except StorageUnavailable as error:
            _log.warning("manifest.not_rewritten", object=key, damage=reason, reason=str(error))
            return
        _log.warning("manifest.rewritten", object=key, damage=reason)

    def _is_so(self, counts: Callable[[Transaction], bool]) -> bool:
        with self._database.snapshot() as tx:
            return counts(tx)


def _line(sealed: SealedDay) -> ManifestLine:
    return manifest_line(sealed, sealed.place.object_key, sealed.place.start)
