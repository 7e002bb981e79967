"""Somebody who looks at an instance from all sides: the metrics, `/readyz`, the page and `dayfile status`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from dayfile.api.app import create_app
from dayfile.checks.state_metrics import FRESH_FOR_SECONDS
from dayfile.cli import instance
from dayfile.cli.app import app
from dayfile.console.page import console_page
from dayfile.service import Service
from tests.support.face import NO_DELAYS
from tests.support.scraped import Scraped
from tests.support.server import serving
from tests.support.world import World

VERDICTS = {
    "Ready": "ok",
    "Ready, with a warning": "degraded",
    "Ready, but something is wrong": "degraded",
    "Not ready": "unavailable",
}


class Onlooker:
    """Looks at a world on this machine."""

    def __init__(self, world: World, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self._world, self._url = world, url

        @contextmanager
        def opened(*_: Any, **__: Any) -> Iterator[Service]:
            yield world.service  # under the same clock, which the test moves

        monkeypatch.setattr(instance, "opened", opened)

    def agreed(self) -> tuple[str, dict[str, str]]:
        """The status of the instance, and the signs that are not well; fails where two do not say the same."""
        scraped = self.scraped()
        answer = httpx2.get(f"{self._url}/readyz?verbose", trust_env=False)
        ready, page = answer.json(), httpx2.get(self._url, trust_env=False).text
        command = CliRunner().invoke(app, ["status", "--json"])
        told = json.loads(command.stdout)
        levels = [{name: one["status"] for name, one in each["checks"].items()} for each in (ready, told)]
        words = {0.0: "ok", 1.0: "warning", 2.0: "bad"}
        levels.append({name: words[scraped.level(name) or 0.0] for name in levels[0]})
        assert levels == [levels[0]] * 3
        verdict = re.search("<strong>(.*?)</strong>", page)
        assert verdict is not None
        assert {ready["status"], told["status"], VERDICTS[verdict[1]]} == {ready["status"]}
        assert answer.status_code == (503 if ready["status"] == "unavailable" else 200)
        assert command.exit_code == (0 if ready["status"] == "ok" else 1)
        assert scraped.value("database_up") == (levels[0]["database"] == "ok")
        assert scraped.value("storage_up") == (levels[0]["storage"] == "ok")
        return ready["status"], {name: level for name, level in levels[0].items() if level != "ok"}

    def scraped(self) -> Scraped:
        """The metrics as they are now."""
        self._world.clock.pass_by(timedelta(seconds=FRESH_FOR_SECONDS))
        return Scraped.of(self._world.service)


@contextmanager
def looked_at(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Onlooker]:
    """Serve a world to somebody who looks at it."""
    context = world.service.context
    with serving(lambda _: create_app(context, pages=console_page(context), delay_rule=NO_DELAYS)) as url:
        yield Onlooker(world, url, monkeypatch)
