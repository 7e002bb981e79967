"""A real server on the records of the demo, and a worker beside it that works when it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from dayfile.client.client import Client
from dayfile.clock import SystemClock
from dayfile.demo.expectation import Expectation
from dayfile.demo.instance import Cast, demo_settings, make_cast
from dayfile.demo.platform import Platform, batches
from dayfile.demo.traffic import Traffic
from dayfile.model.day import DayRange, last_custom_day
from tests.e2e.cli_instance import PATIENCE_SECONDS, Instance, serving

_DAYS = 3
_RECORDS = 120
_VARIABLES = {
    "DAYFILE_ACCOUNTS_MAY_WRITE": "true",
    "DAYFILE_DAY_GRACE_MINUTES": "0",
    "DAYFILE_QUOTA_DAYS": "0",
    "DAYFILE_WEBHOOK_ALLOW": "127.0.0.0/8",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoServer:
    """Answers requests; days are sealed, published and told while somebody works."""

    instance: Instance
    url: str
    cast: Cast
    days: DayRange
    expectation: Expectation  # of these days

    @contextmanager
    def working(self) -> Iterator[None]:
        """Let a worker run while the block does."""
        with self.instance.start("work") as worker:
            try:
                yield
            finally:
                worker.terminate()
                worker.communicate(timeout=PATIENCE_SECONDS)

    def rejected(self, kind: str, line: bytes) -> None:
        """Have the platform send one record that is rejected."""
        answer = httpx2.post(f"{self.url}/v1/Records/{kind}", content=line, auth=self._platform, trust_env=False)
        assert answer.json()["rejected"] == 1, answer.text

    def bring(self, account: str) -> None:
        """Have the platform create an account that it has already."""
        answer = httpx2.put(f"{self.url}/v1/Accounts/{account}", json={}, auth=self._platform, trust_env=False)
        assert answer.is_success, answer.text

    @property
    def _platform(self) -> tuple[str, str]:
        return self.cast.key_sid, self.cast.key_secret


@contextmanager
def a_demo_server(folder: Path) -> Iterator[DemoServer]:
    """Make the demo's accounts and records in a folder, and serve them."""
    instance = Instance(folder, dict(_VARIABLES))
    cast = make_cast(demo_settings(folder / "data", database_url=None, storage_url=None), records=_RECORDS)
    last = last_custom_day(SystemClock().now())
    days = DayRange(first=last - (_DAYS - 1), last=last)
    traffic = Traffic(seed="browser", accounts=[one.sid for one in cast.members], days=days, records=_RECORDS)
    expectation = Expectation()
    with serving(instance, "--no-worker") as server:
        with Client(server.url, cast.key_sid, cast.key_secret) as sender:
            platform = Platform(sender)
            for batch in batches(traffic.on_time()):
                platform.send(batch)
                for version in batch.versions:
                    expectation.add(version)
        yield DemoServer(instance=instance, url=server.url, cast=cast, days=days, expectation=expectation)
