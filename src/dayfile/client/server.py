"""Any BulkExports server as one login sees it, with a method for each operation."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from typing import Final, Literal, Self, TypeAlias

import httpx2
import msgspec

from dayfile.client.answers import (
    NotBulkExports,
    RemoteConfiguration,
    RemoteDay,
    RemoteJob,
    RemoteManifest,
    RemoteReceipt,
    read_configuration,
    read_day,
    read_job,
    read_manifest,
    read_receipt,
)
from dayfile.client.connection import Connection, Wait, object_of
from dayfile.errors import InvalidParameter, NotFound
from dayfile.model.day import Day, DayRange, last_custom_day
from dayfile.model.resource import ResourceType, parse_resource_type

Type: TypeAlias = ResourceType | str
"""A resource type or its name, as `Messages`."""

AnyDay: TypeAlias = Day | date | str
"""A UTC day: a Day, a date, or text as `2026-10-01`."""

Record: TypeAlias = Mapping[str, object] | bytes | str
"""A record: its members, or its JSON on one line."""

_FIRST_WAIT_SECONDS: Final = 0.1
_LONGEST_WAIT_SECONDS: Final = 5.0
_GZIP_LEVEL: Final = 1


class Server:
    """One login on one server; close it, or use it in a `with` block. Errors are those of `client.Client`."""

    def __init__(
        self,
        url: str,
        account_sid: str,
        auth_token: str,
        *,
        wait: Wait | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        """Prepare the connection; no request is sent yet.

        `url` is scheme, host and port. `account_sid` and `auth_token` are an account's (AC…), or the sid and secret of
        an API key (SK…). `wait` waits for a number of seconds between two tries or looks; one that raises ends what is
        going on. `transport` replaces httpx2's own. Raises InvalidParameter for a URL that cannot be used.
        """
        self._connection = Connection(url, account_sid, auth_token, wait=wait, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the server."""
        self._connection.close()

    @property
    def username(self) -> str:
        """The sid of the login."""
        return self._connection.username

    def wait(self, seconds: float) -> None:
        """Wait, in the way that was given at the start."""
        self._connection.wait(seconds)

    def create_job(
        self,
        resource_type: Type,
        start: AnyDay,
        end: AnyDay | None = None,
        *,
        name: str = "Custom job",
        webhook_url: str | None = None,
        webhook_method: str | None = None,
        email: str | None = None,
    ) -> RemoteJob:
        """Submit a job over the days from `start` to `end`, both included (one day without `end`), and return it.

        The server tells `webhook_url` and `email` when the job is over. Raises Invalid if the server refuses it: a day
        is too new, or the quota is used up.
        """
        days = range_of(start, end)
        form = {"StartDay": str(days.first), "EndDay": str(days.last), "FriendlyName": name}
        if webhook_url:
            form |= {"WebhookUrl": webhook_url, "WebhookMethod": webhook_method or "POST"}
        if email:
            form["Email"] = email
        return read_job(
            object_of(self._connection.ask("POST", f"/v1/Exports/{type_of(resource_type)}/Jobs", form=form))
        )

    def jobs(self, resource_type: Type) -> Iterator[RemoteJob]:
        """Yield all jobs on the list, in the server's order."""
        return map(read_job, self._connection.pages(f"/v1/Exports/{type_of(resource_type)}/Jobs", key="jobs"))

    def job(self, sid: str) -> RemoteJob:
        """Fetch a job; raises NotFound."""
        return read_job(self._connection.read(f"/v1/Exports/Jobs/{sid}"))

    def watch_job(self, job: RemoteJob | str, *, on_look: Callable[[RemoteJob], None] | None = None) -> RemoteJob:
        """Fetch a job again and again until it is over, and return its final state; raises NotFound.

        The job is given by its sid, or as it was last seen. `on_look` gets what each fetch shows. The time between two
        fetches grows from 0.1 to 5 seconds while the job waits in the queue.
        """
        seen = self.job(job) if isinstance(job, str) else job
        wait = _FIRST_WAIT_SECONDS
        while not seen.is_over:
            self.wait(wait)
            before, seen = seen, self.job(seen.sid)
            # Fetch often while the job makes progress, and ever more seldom while it waits in the queue.
            moves = before.counts != seen.counts
            wait = _FIRST_WAIT_SECONDS if moves else min(wait * 1.5, _LONGEST_WAIT_SECONDS)
            if on_look:
                on_look(seen)
        return seen

    def delete_job(self, sid: str) -> None:
        """Cancel a job and take it off the list; raises NotFound."""
        self._connection.ask("DELETE", f"/v1/Exports/Jobs/{sid}")

    def configuration(self, resource_type: Type) -> RemoteConfiguration:
        """Fetch the export configuration of a resource type."""
        return read_configuration(self._connection.read(f"/v1/Exports/{type_of(resource_type)}/Configuration"))

    def configure(
        self,
        resource_type: Type,
        *,
        enabled: bool | None = None,
        webhook_url: str | None = None,
        webhook_method: str | None = None,
    ) -> RemoteConfiguration:
        """Change the export configuration, and return the new one. None leaves a setting as it is.

        `enabled` turns daily exports on or off. An empty `webhook_url` and `webhook_method` remove the webhook. Raises
        Invalid for a webhook that the server does not accept.
        """
        given = {"WebhookUrl": webhook_url, "WebhookMethod": webhook_method}
        form = {} if enabled is None else {"Enabled": "true" if enabled else "false"}
        form |= {name: value for name, value in given.items() if value is not None}
        answer = self._connection.ask("POST", f"/v1/Exports/{type_of(resource_type)}/Configuration", form=form)
        return read_configuration(object_of(answer))

    def days(self, resource_type: Type) -> Iterator[RemoteDay]:
        """Yield all published days, in the server's order."""
        return map(read_day, self._connection.pages(f"/v1/Exports/{type_of(resource_type)}/Days", key="days"))

    def link(self, resource_type: Type, day: AnyDay) -> str:
        """Return a fresh link to the day's file, which works for some minutes and without credentials.

        Raises NotFound if the day is not published.
        """
        path = f"/v1/Exports/{type_of(resource_type)}/Days/{day_of(day)}"
        answer = self._connection.again(lambda: self._connection.ask("GET", path))
        link = object_of(answer).get("redirect_to") or answer.headers.get("location")
        if not isinstance(link, str):
            raise NotBulkExports(f"the server answered {answer.status_code} for the day {day}, with no link in it")
        return link

    @contextmanager
    def open_link(self, link: str, *, start: int = 0, etag: str | None = None) -> Iterator[httpx2.Response]:
        """Provide the response to a link; from byte `start` on, if the file still has the ETag.

        Its status is 200 (the whole file), 206 (the rest of it) or 416 (nothing at `start`). The link is its own
        credential: no others are sent. Raises Corrupt if the file is damaged on the server.
        """
        headers = {"Range": f"bytes={start}-", "If-Range": etag} if start and etag else {}
        with self._connection.stream(link, headers=headers) as answer:
            yield answer

    def find_manifest(self, resource_type: Type, day: AnyDay) -> RemoteManifest | None:
        """Return the day's manifest; None if the day is not published, or the server has no manifests."""
        try:
            return read_manifest(
                self._connection.read(f"/v1/Exports/{type_of(resource_type)}/Days/{day_of(day)}/Manifest")
            )
        except (NotFound, NotBulkExports):
            return None

    def newest_job_day(self) -> Day | None:
        """Return the newest day that a job may ask for, by the clock of the server; None if it has not told its time.

        The server tells it with any answer; no request is sent for it.
        """
        now = self._connection.server_time
        return None if now is None else last_custom_day(now)

    def send(
        self, resource_type: Type, records: Iterable[Record], *, idempotency_key: str | None = None
    ) -> RemoteReceipt:
        """Send records as one batch; return its receipt, once everything that was accepted is durable.

        All of them are held in memory: send many in batches of some thousands. Errors are those of `send_body`.
        """
        lines = (
            one.encode() if isinstance(one, str) else one if isinstance(one, bytes) else msgspec.json.encode(one)
            for one in records
        )
        plain = b"".join(line.rstrip(b"\n") + b"\n" for line in lines)
        key = idempotency_key or hashlib.sha256(plain).hexdigest()
        body = gzip.compress(plain, _GZIP_LEVEL, mtime=0)
        return self.send_body(resource_type, body, encoding="gzip", idempotency_key=key)

    def send_body(
        self,
        resource_type: Type,
        body: bytes,
        *,
        encoding: Literal["gzip", "zstd"] | None = None,
        idempotency_key: str | None = None,
    ) -> RemoteReceipt:
        """Send JSON lines or a JSON array as one batch, and return its receipt.

        The login must be allowed to send records: an operator's key with the scope `intake`, as a rule. Without an
        `idempotency_key`, the SHA-256 of the body is used: a batch that is sent again within 24 hours gets its first
        receipt. Raises Invalid for a body that cannot be read, TooLarge for one over the server's limit,
        Conflict for a key that was used for another body.
        """
        headers = {"Idempotency-Key": idempotency_key or hashlib.sha256(body).hexdigest()}
        if encoding:
            headers["Content-Encoding"] = encoding
        path = f"/v1/Records/{type_of(resource_type)}"
        return read_receipt(self._connection.again(lambda: self._connection.send(path, body, headers=headers)))


def type_of(given: Type) -> ResourceType:
    """Return the resource type; raises InvalidParameter."""
    return given if isinstance(given, ResourceType) else parse_resource_type(given)


def day_of(given: AnyDay) -> Day:
    """Return the UTC day; raises InvalidParameter."""
    if isinstance(given, Day):
        return given
    if isinstance(given, str):
        return Day.parse(given, name="day")
    if isinstance(given, datetime):
        raise InvalidParameter("day", "must be a date, not a moment: it is a UTC day", given)
    return Day(given)


def range_of(start: AnyDay, end: AnyDay | None) -> DayRange:
    """Return the days from `start` to `end`, or one day without an end; raises InvalidParameter."""
    days = DayRange(first=day_of(start), last=day_of(start if end is None else end))
    if days.last < days.first:
        raise InvalidParameter("end", f"must not be before start ({days.first})", str(days.last))
    return days
