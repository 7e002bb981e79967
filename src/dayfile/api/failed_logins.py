"""Delayed responses to failed logins; `web/login_delays.py` has the delays."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Awaitable, Callable

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import Scope

from dayfile.clock import Clock
from dayfile.counters import Counters
from dayfile.errors import TooManyRequests
from dayfile.web.basic import FAILED_LOGIN
from dayfile.web.login_delays import DelayRule, LoginDelays

_SHOWN = re.compile(r"[A-Z]{2}[0-9a-f]{32}", re.ASCII)
_SHOWN_CHARACTERS = 8

_log = structlog.get_logger()


class Crowded(Exception):
    """A login that failed while too many responses are delayed already; answer `refusal` instead of delaying it.

    Not a DayfileError, since it is raised while the app is already answering one.
    """

    def __init__(self, refusal: TooManyRequests) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class FailedLogins:
    """The delays of responses, which occupy no threads. Belongs to one event loop."""

    def __init__(self, delays: LoginDelays, *, rule: DelayRule, clock: Clock, counters: Counters) -> None:
        self._delays = delays
        self._rule = rule
        self._clock = clock
        self._counters = counters
        self._held_back = 0

    def settle(self, scope: Scope, *, gone: Callable[[], Awaitable[None]]) -> Awaitable[None] | None:
        """Return the delay of the first byte of the response if the request's login failed, once per request.

        `gone` returns when the client has disconnected, which ends the delay with ClientDisconnect. The delay raises
        Crowded instead of waiting if too many responses are delayed already.
        """
        state = scope["state"]
        if (username := state.pop(FAILED_LOGIN, None)) is not None:
            return self._hold_back(username, scope, gone)
        if (credential := state.get("caller")) is not None:
            self._delays.succeed(credential, client=state["client"])
        return None

    async def _hold_back(self, username: str, scope: Scope, gone: Callable[[], Awaitable[None]]) -> None:
        state = scope["state"]
        self._counters.login_failed()
        failed = self._delays.fail(username, client=state["client"], now=self._clock.monotonic())
        is_crowded = failed.seconds > 0 and self._held_back >= self._rule.most_delayed
        _log.warning(
            "login.failed",
            username=_shown(username),
            client=state["client"],
            failures=failed.failures,
            delayed_ms=0 if is_crowded else round(failed.seconds * 1000),
            request_id=state["request_id"],
        )
        if is_crowded:
            seconds = math.ceil(failed.seconds)
            raise Crowded(
                TooManyRequests(
                    "these credentials are wrong, and too many answers to wrong ones are being delayed already: "
                    f"correct them, or wait {seconds} seconds",
                    retry_after=seconds,
                )
            )
        if failed.seconds > 0:
            await self._wait(failed.seconds, gone)

    async def _wait(self, seconds: float, gone: Callable[[], Awaitable[None]]) -> None:
        self._held_back += 1
        try:
            async with asyncio.timeout(seconds):
                await gone()
        except TimeoutError:
            return
        finally:
            self._held_back -= 1
        raise ClientDisconnect


def _shown(username: str) -> str:
    """Return a user name for the log: a sid in full; of other text, which may be a secret, only the beginning."""
    if _SHOWN.fullmatch(username):
        return username
    start = username[:_SHOWN_CHARACTERS].encode("unicode_escape").decode("ascii")
    return start if len(username) <= _SHOWN_CHARACTERS else f"{start}..."
