"""Objects that nothing refers to and that nobody will delete: the part of a check that looks at the whole storage."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Final

from dayfile.errors import NotFound
from dayfile.files.storage import Storage
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.store.database import Database
from dayfile.work.finding import Finding

_AT_ONCE: Final = 500
_SEALED: Final = re.compile(r"sealed/type=(\w+)/day=([0-9]{4}-[0-9]{2}-[0-9]{2})/account=(AC[0-9a-f]{32})/", re.ASCII)


class LeftOver:
    """Looks at every object there is, some at a time."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database = database
        self._storage = storage

    def find(self) -> Iterator[Finding]:
        """Yield the objects that are left over."""
        for family in ("sealed/", "segments/"):
            keys = self._storage.scan(family)
            while some := list(islice(keys, _AT_ONCE)):
                # What is written, sealed or swept meanwhile looks left over at one glance, and not at a second one.
                for key in sorted(self._unreferred(self._unreferred(some))):
                    if self._is_there(key):
                        yield Finding(
                            invariant="no object is left over",
                            subject=key,
                            detail="nothing refers to it and nothing will delete it. After an older database was "
                            "restored, it is what came later, and may be deleted; otherwise it is a bug, report it",
                        )

    def _unreferred(self, keys: Collection[str]) -> set[str]:
        places = {(AccountSid(found[3]), found[1], Day.parse(found[2])) for found in map(_SEALED.match, keys) if found}
        with self._database.snapshot() as tx:
            return (
                set(keys)
                - tx.uploads.answered_for(keys)
                - tx.sealed_days.keys_of(places)
                - tx.segments.keys_among(keys)
            )

    def _is_there(self, key: str) -> bool:
        try:
            self._storage.size(key)
        except NotFound:
            return False
        return True
