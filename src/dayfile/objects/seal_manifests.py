"""The manifests of seals and their markers: what makes sealed days known without the state database.

The manifest is written before the commit of its seal, under the seal's entry in the ledger; so whatever becomes of the
seal becomes of it. The marker says that the commit was made. Who dies between the two is followed by any worker.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

from dayfile.clock import Clock
from dayfile.errors import LostClaim
from dayfile.files.seal_manifest import ManifestHeader, manifest_line, write_manifest
from dayfile.files.storage import Storage
from dayfile.model.export import NewSealedDay
from dayfile.model.seal import KeptSeal, SealClaim
from dayfile.model.secret import Randomness
from dayfile.objects.layout import UNIQUE_DIGITS, seal_manifest_key, seal_marker_key, sealed_prefix
from dayfile.objects.writer import ObjectWriter
from dayfile.store.database import Database

_AT_ONCE = 20


class SealManifests:
    """The writer of manifests and markers."""

    def __init__(self, database: Database, storage: Storage, *, clock: Clock, randomness: Randomness) -> None:
        self._database = database
        self._storage = storage
        self._objects = ObjectWriter(database, storage, clock=clock)
        self._clock = clock
        self._randomness = randomness

    def write(self, claim: SealClaim, sealed: Iterable[NewSealedDay], *, sealed_at: datetime) -> None:
        """Write the manifest of a seal that is about to be committed; raises StorageUnavailable."""
        with self._database.snapshot() as tx:
            former_mark = tx.seals.former_mark(claim.resource_type, claim.day)
        header = ManifestHeader(
            resource_type=claim.resource_type,
            day=claim.day,
            mark=claim.mark,
            former_mark=former_mark,
            sealed_at=sealed_at,
        )
        key = seal_manifest_key(sealed_prefix(claim.resource_type, claim.day), claim.mark)
        write_manifest(
            self._storage,
            key,
            header,
            (manifest_line(one, one.pack_key or one.key, one.pack_offset or 0) for one in sealed),
        )

    def step(self) -> bool:
        """Write missing markers; False if there were none."""
        with self._database.snapshot() as tx:
            unmarked = tx.seals.unmarked(limit=_AT_ONCE)
        for one in unmarked:
            self._mark(one)
        return bool(unmarked)

    def _mark(self, one: KeptSeal) -> None:
        if one.mark is None:
            return
        unique = self._randomness.hex(UNIQUE_DIGITS)
        marker = seal_marker_key(sealed_prefix(one.resource_type, one.day), one.mark, unique=unique)
        # Whoever was first has written one: then this one is given up.
        with suppress(LostClaim), self._objects.put(marker, []) as new, self._database.transaction() as tx:
            tx.seals.set_marker(one.id, marker)
            tx.uploads.settle([new.upload_id])  # its seal's row leads to it from now on


def manifest_keys(one: KeptSeal) -> list[str]:
    """Return the keys of the manifest of a seal and of its marker, as far as it has them."""
    manifest = [seal_manifest_key(sealed_prefix(one.resource_type, one.day), one.mark)] if one.mark else []
    return manifest + ([one.marker_key] if one.marker_key else [])
