"""Expected exports, computed from the records that were sent, by the documented rules, without the server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from dayfile.demo.traffic import Version
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.resource import ResourceType

Place = tuple[AccountSid, ResourceType, Day]
"""Account, resource type and day of a file."""


class Expectation:
    """The newest version of each record that was sent; of equally new ones, the one sent last."""

    def __init__(self) -> None:
        self._newest: dict[Place, dict[str, Version]] = {}
        self.versions = 0

    def add(self, version: Version) -> None:
        """Add a version that is sent."""
        place = (version.account, version.resource_type, version.day)
        known = self._newest.setdefault(place, {})
        current = known.get(version.key)
        if current is None or version.updated_at >= current.updated_at:
            known[version.key] = version
        self.versions += 1

    @property
    def records(self) -> int:
        """Number of different records that were sent."""
        return sum(len(known) for known in self._newest.values())

    def places(self) -> Iterator[Place]:
        """Yield the places that have records."""
        return iter(self._newest)

    def count(self, place: Place) -> int:
        """Return the number of lines that the file must have."""
        return len(self._newest.get(place, {}))

    def lines(self, place: Place) -> Iterable[bytes]:
        """Return the lines of the file, ordered by creation time, then by key."""
        versions = self._newest.get(place, {}).values()
        return (version.line for version in sorted(versions, key=_order))

    def sha256(self, place: Place) -> str:
        """Return the SHA-256 of the file's text, in hexadecimal."""
        return self.sha256_of_all([place])

    def sha256_of_all(self, places: Iterable[Place]) -> str:
        """Return the SHA-256 of the texts of these files, one after the other, in hexadecimal."""
        digest = hashlib.sha256()
        for place in sorted(places, key=order_of_places):
            for line in self.lines(place):
                digest.update(line)
        return digest.hexdigest()


def order_of_places(place: Place) -> tuple[str, str, str]:
    """Return the key for sorting places: by account, then by the name of the resource type, then by day."""
    account, resource_type, day = place
    return account, resource_type.name, str(day)


def _order(version: Version) -> tuple[bytes, str]:
    start, stop = version.resource_type.created_span
    return version.line[start:stop], version.key
