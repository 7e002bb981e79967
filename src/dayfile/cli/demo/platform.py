"""The demo's platform, which sends versions of records to the server in batches, as a real one would."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, Self

import httpx2

from dayfile.cli.demo.traffic import Version
from dayfile.errors import DayfileError
from dayfile.model.resource import CALLS, CONFERENCES, ResourceType

_GZIP_LEVEL = 1
_READ_SECONDS = 60.0

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
    """The sender of the records, with an operator's key."""

    def __init__(self, url: str, *, key_sid: str, key_secret: str) -> None:
        self._http = httpx2.Client(
            base_url=url, auth=httpx2.BasicAuth(key_sid, key_secret), timeout=_READ_SECONDS, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def send(self, batch: Batch) -> dict[str, Any]:
        """Send a batch and return its receipt. The same batch always has the same idempotency key."""
        lines = [version.sent for version in batch.versions]
        body = b"[" + b",\n".join(lines) + b"]" if batch.resource_type in _AS_ARRAY else b"\n".join(lines) + b"\n"
        headers = {"Idempotency-Key": hashlib.sha256(body).hexdigest()}
        if batch.resource_type not in _AS_ARRAY | _AS_LINES:
            body = gzip.compress(body, _GZIP_LEVEL)
            headers["Content-Encoding"] = "gzip"
        answer = self._http.post(f"/v1/Records/{batch.resource_type}", content=body, headers=headers)
        if answer.status_code != 200:  # noqa: PLR2004 - a receipt for accepted records
            raise DayfileError(f"the server did not take the records in: {answer.status_code} {answer.text[:500]}")
        receipt: dict[str, Any] = answer.json()
        return receipt
