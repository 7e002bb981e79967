"""Responses of BulkExports servers as values. Parsing is lenient where servers differ; missing data is never guessed.

Each value keeps the original response as `answer`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from dayfile.errors import DayfileError, InvalidParameter
from dayfile.model.day import Day, DayRange
from dayfile.model.job import Status

Answer = Mapping[str, Any]
"""A JSON object as received."""

_FINAL: Final = frozenset(status.value for status in Status if status.is_final)
_GOOD: Final = frozenset({Status.COMPLETED.value, Status.COMPLETED_EMPTY_RECORDS.value})


class NotBulkExports(DayfileError):
    """A response that no BulkExports server sends: check the URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteJob:
    """A custom job as its server shows it."""

    sid: str
    resource_type: str | None  # some responses leave it out
    days: DayRange
    friendly_name: str
    counts: Counter[str]  # days by status; empty in the response to a creation
    statuses: Mapping[Day, str]  # empty if the server only counts
    position: str | None
    done_at: str | None
    answer: Answer = field(repr=False)

    @property
    def finished(self) -> int:
        """Number of finished days."""
        return sum(count for status, count in self.counts.items() if status in _FINAL)

    @property
    def is_over(self) -> bool:
        """True if every day is final."""
        return self.finished >= len(self.days)

    @property
    def failed(self) -> int:
        """Number of finished days that have no file."""
        return sum(count for status, count in self.counts.items() if status in _FINAL - _GOOD)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteDay:
    """An entry of the Days list."""

    day: Day
    friendly_name: str | None
    created: str | None
    size_bytes: int | None
    answer: Answer = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteConfiguration:
    """The export configuration of a resource type: daily exports on or off, and their webhook."""

    enabled: bool
    webhook_url: str | None  # None for an empty text, since servers differ
    webhook_method: str | None
    answer: Answer = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteManifest:
    """The manifest that proves a day complete; not all servers have it."""

    revision: int
    records: int
    size_bytes: int
    plain_bytes: int
    sha256: str
    plain_sha256: str
    is_incomplete: bool  # records of the day were lost on the server
    answer: Answer = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteRefusal:
    """A line of a batch that was not accepted."""

    line: int  # counted from 1; of a JSON array, the element's number
    field: str | None  # None if the line as a whole is wrong
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteReceipt:
    """The answer to one batch of records: everything that it counts as accepted is durable."""

    sid: str
    accepted: int
    rejected: int
    refusals: tuple[RemoteRefusal, ...]  # the first 1000 of them
    answer: Answer = field(repr=False)


def read_job(answer: Answer) -> RemoteJob:
    """Parse a job from a creation, a fetch or a list; raises NotBulkExports."""
    counts: Counter[str] = Counter()
    statuses: dict[Day, str] = {}
    for group in _groups(answer.get("details")):
        status, days = str(group.get("status")), group.get("days") or ()
        counts[status] += int(group.get("count") or len(days))
        statuses |= {_day(text): status for text in days}
    return RemoteJob(
        sid=_member(answer, "job_sid", str),
        resource_type=answer.get("resource_type"),
        days=DayRange(first=_day(answer.get("start_day")), last=_day(answer.get("end_day"))),
        friendly_name=str(answer.get("friendly_name") or ""),
        counts=counts,
        statuses=statuses,
        position=answer.get("job_queue_position"),
        done_at=answer.get("estimated_completion_time"),
        answer=answer,
    )


def read_day(answer: Answer) -> RemoteDay:
    """Parse an entry of the Days list; raises NotBulkExports."""
    return RemoteDay(
        day=_day(answer.get("day")),
        friendly_name=answer.get("friendly_name"),
        created=answer.get("create_date"),
        size_bytes=answer.get("size"),
        answer=answer,
    )


def read_configuration(answer: Answer) -> RemoteConfiguration:
    """Parse an export configuration; raises NotBulkExports."""
    return RemoteConfiguration(
        enabled=_member(answer, "enabled", bool),
        webhook_url=answer.get("webhook_url") or None,
        webhook_method=answer.get("webhook_method") or None,
        answer=answer,
    )


def read_manifest(answer: Answer) -> RemoteManifest:
    """Parse a manifest; raises NotBulkExports."""
    return RemoteManifest(
        revision=_member(answer, "revision", int),
        records=_member(answer, "records", int),
        size_bytes=_member(answer, "size_bytes", int),
        plain_bytes=_member(answer, "plain_bytes", int),
        sha256=_member(answer, "sha256", str),
        plain_sha256=_member(answer, "plain_sha256", str),
        is_incomplete=answer.get("incomplete") is True,
        answer=answer,
    )


def read_receipt(answer: Answer) -> RemoteReceipt:
    """Parse the receipt of a batch; raises NotBulkExports."""
    return RemoteReceipt(
        sid=_member(answer, "sid", str),
        accepted=_member(answer, "accepted", int),
        rejected=_member(answer, "rejected", int),
        refusals=tuple(
            RemoteRefusal(line=int(one["line"]), field=one.get("field"), reason=str(one.get("reason")))
            for one in answer.get("rejections") or ()
        ),
        answer=answer,
    )


def _groups(details: object) -> list[Answer]:
    """Return the groups of `details`, which is a list, a single group in old responses, or None after a creation."""
    if isinstance(details, Mapping):
        return [details] if "status" in details else []
    return [group for group in details if isinstance(group, Mapping)] if isinstance(details, list) else []


def _day(text: object) -> Day:
    try:
        return Day.parse(str(text))
    except InvalidParameter as error:
        raise NotBulkExports(f"the server names a day that is none: {str(text)[:40]!r}") from error


_T = TypeVar("_T")


def _member(answer: Answer, name: str, kind: type[_T]) -> _T:
    value = answer.get(name)
    if not isinstance(value, kind):
        raise NotBulkExports(f"the server's answer has no usable {name}: is this the URL of a BulkExports server?")
    return value
