"""Concurrency limit: concurrent requests per account, in this process.

A request counts from the moment its sender is known until its response has ended, however it ends. A request beyond the
limit is refused at once, so that an account at its limit takes nothing from the others.
"""

from __future__ import annotations

import threading
from typing import cast

from starlette.types import Scope

from dayfile.errors import TooManyRequests
from dayfile.model.account import AccountSid

RETRY_AFTER_SECONDS = 1

_COUNTED = "counted"
_CONCURRENT = "concurrent"


class Concurrency:
    """Counts of running requests by account. Thread-safe."""

    def __init__(self, limit: int) -> None:
        self._limit = limit  # 0: no limit
        self._lock = threading.Lock()
        self._running: dict[AccountSid, int] = {}

    def enter(self, scope: Scope, account: AccountSid) -> None:
        """Count a request of the account, once; raises TooManyRequests without counting it."""
        if scope["state"].get(_COUNTED) == account:
            return
        with self._lock:
            running = self._running.get(account, 0)
            if self._limit and running >= self._limit:
                raise TooManyRequests(
                    f"this account has {running} requests in progress, and may have {self._limit} at once: send it "
                    "again in a moment",
                    retry_after=RETRY_AFTER_SECONDS,
                )
            self._running[account] = running + 1
        scope["state"] |= {_COUNTED: account, _CONCURRENT: running + 1}

    def leave(self, scope: Scope) -> None:
        """Stop counting a request that has ended. No-op if it was not counted."""
        account = scope["state"].pop(_COUNTED, None)
        if account is None:
            return
        with self._lock:
            left = self._running.pop(account) - 1
            if left:
                self._running[account] = left


def concurrency_of(scope: Scope) -> Concurrency:
    """Return the counts of the app that a request belongs to."""
    return cast("Concurrency", scope["app"].state.concurrency)


def leave(scope: Scope) -> None:
    """Stop counting a request that has ended. No-op if it was not counted, as most are not that need no login."""
    if _COUNTED in scope["state"]:
        concurrency_of(scope).leave(scope)


def concurrent_requests(scope: Scope) -> int | None:
    """Return the number of the account's requests, this one included, when it was counted; None if it was not."""
    found = scope["state"].get(_CONCURRENT)
    return found if isinstance(found, int) else None
