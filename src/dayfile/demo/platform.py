"""The demo's platform, which sends versions of records to the server in batches, as a real one would."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from dayfile.client.answers import RemoteReceipt
from dayfile.client.client import Client
from dayfile.demo.traffic import Version
from dayfile.model.resource import CALLS, CONFERENCES, ResourceType

_GZIP_LEVEL = 1

# All formats are used: an array, plain lines, and gzip for the rest.
_AS_ARRAY: Final = frozenset({CONFERENCES})
_AS_LINES: Final = frozenset({CALLS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Versions of records of one type, in the order in which they are sent."""

    resource_type: ResourceType
    versions: Sequence[Version]


def batches(versions: Iterable[Version]) -> Iterator[Batch]:
    """Yield the versions day by day, in one batch per day and resource type."""
    for _, of_day in groupby(versions, key=lambda version: version.day):
        by_type: dict[ResourceType, list[Version]] = {}
        for version in of_day:
            by_type.setdefault(version.resource_type, []).append(version)
        for resource_type, of_type in by_type.items():
            yield Batch(resource_type=resource_type, versions=of_type)


class Platform:
    """The sender of the records, which uses an operator's key."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def send(self, batch: Batch) -> RemoteReceipt:
        """Send a batch and return its receipt. The same batch always has the same idempotency key: its hash."""
        lines = [version.sent for version in batch.versions]
        if batch.resource_type in _AS_ARRAY:
            return self._client.send_body(batch.resource_type, b"[" + b",\n".join(lines) + b"]")
        body = b"\n".join(lines) + b"\n"
        if batch.resource_type in _AS_LINES:
            return self._client.send_body(batch.resource_type, body)
        packed = gzip.compress(body, _GZIP_LEVEL, mtime=0)
        return self._client.send_body(batch.resource_type, packed, encoding="gzip")
