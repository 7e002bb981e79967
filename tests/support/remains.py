"""The disk of an instance whose processes are dead, looked at when their leases have run out."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from dayfile.clock import SystemClock
from dayfile.intake.file import FileIntake
from dayfile.model.account import AccountSid
from dayfile.model.credential import Scope
from dayfile.model.day import Day, last_custom_day
from dayfile.model.export import SealedDay
from dayfile.model.resource import MESSAGES
from dayfile.overrides import Overrides
from dayfile.service import Service
from dayfile.settings import Settings
from tests.support.clock import FakeClock
from tests.support.records import Sent, body_of

DAY: Final = str(last_custom_day(SystemClock().now()))
"""A day that is over for every process, whose clock cannot be moved."""


class Remains:
    """An instance whose processes are dead."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def new_login(self) -> tuple[str, str]:
        """An operator's key that may send records."""
        new = self._service.administration.create_key(account=None, scopes=[Scope.INTAKE])
        return new.key.sid, new.secret

    def new_account(self) -> AccountSid:
        """An account."""
        return self._service.administration.create_account().account.sid

    def take_in(self, sent: Sequence[Sent]) -> None:
        """Take in records as a file."""
        receipt = FileIntake(self._service.intake).run(io.BytesIO(body_of(sent)), MESSAGES, source="a file")
        assert receipt.accepted == len(sent)

    def rejected(self) -> list[tuple[str, int]]:
        """Return source and line number of each rejection."""
        with self._service.database.snapshot() as tx:
            return [(one.source, one.refusal.line_number) for one in tx.rejections.listed(limit=1000)]

    def records(self) -> dict[AccountSid, list[dict[str, Any]]]:
        """Seal what waits; then all records of the day as the files have them, by account."""
        self._service.worker.seal(MESSAGES, Day.parse(DAY))
        with self._service.database.snapshot() as tx:
            sealed = tx.sealed_days.of_day(MESSAGES, Day.parse(DAY))
            assert tx.segments.waiting() == []
        return {account: self._lines(one) for account, one in sealed.items()}

    def findings(self) -> list[str]:
        """Return the findings of `dayfile check --deep`."""
        return [str(finding) for finding in self._service.insight.check.run(deep=True)]

    def _lines(self, sealed: SealedDay) -> list[dict[str, Any]]:
        place = sealed.place
        stored = self._service.storage.read(place.object_key, start=place.start, stop=place.start + sealed.size_bytes)
        text = gzip.decompress(b"".join(stored))
        return [json.loads(line) for line in text.splitlines()]


@contextmanager
def remains_of(data: Path, *, after: timedelta = timedelta(minutes=2)) -> Iterator[Remains]:
    """Open a data folder of which all processes are dead, `after` from now; one that is not there yet is made."""
    later = FakeClock(SystemClock().now() + after)
    with Service.open(Settings.read(data_dir=data), Overrides(clock=later)) as service:
        yield Remains(service)
