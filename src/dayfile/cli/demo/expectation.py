"""What an export must contain, worked out from what was sent, by the documented rules, without the server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from dayfile.cli.demo.traffic import Version
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.resource import ResourceType

Place = tuple[AccountSid, ResourceType, Day]
"""Whose file: of which account, resource type and day."""


class Expectation:
    """The newest version of every record that was sent; of equally new ones, the one sent last."""

    def __init__(self) -> None:
        self._newest: dict[Place, dict[str, Version]] = {}
        self.versions = 0

    def add(self, version: Version) -> None:
        """Take note of a version that is sent."""
        place = (version.account, version.resource_type, version.day)
        known = self._newest.setdefault(place, {})
        current = known.get(version.key)
        if current is None or version.updated_at >= current.updated_at:
            known[version.key] = version
        self.versions += 1

    @property
    def records(self) -> int:
        """How many different records were sent."""
        return sum(len(known) for known in self._newest.values())

    def places(self) -> Iterator[Place]:
        """Where there is anything to be found."""
        return iter(self._newest)

    def count(self, place: Place) -> int:
        """How many lines the file must have."""
        return len(self._newest.get(place, {}))

    def lines(self, place: Place) -> Iterable[bytes]:
        """The lines of the file, in the order of their creation, then of their keys."""
        versions = self._newest.get(place, {}).values()
        return (version.line for version in sorted(versions, key=_order))

    def sha256(self, place: Place) -> str:
        """The SHA-256 of the file's text."""
        digest = hashlib.sha256()
        for line in self.lines(place):
            digest.update(line)
        return digest.hexdigest()


def _order(version: Version) -> tuple[bytes, str]:
    start, stop = version.resource_type.created_span
    return version.line[start:stop], version.key
