"""Retry of rejected lines of unknown accounts, once their account exists.

Creating an account notes nothing: the waiting lines and the accounts are both in the database and are compared here. So
no crash loses a line, and neither does a line refused just before its account was committed, and kept just after.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

from dayfile.intake.retry import Retried
from dayfile.model.account import AccountSid
from dayfile.store.database import Database

ACCOUNTS_A_ROUND: Final = 500
"""Limit of awaited accounts that one step looks at; the next one goes on from there."""

log = structlog.get_logger()


class PendingAccounts:
    """A search for accounts that have appeared, and the retry of the lines that waited for them."""

    def __init__(self, database: Database, *, retry: Callable[[AccountSid], Retried]) -> None:
        self._database = database
        self._retry = retry
        self._after: AccountSid | None = None

    def step(self) -> bool:
        """Retry some lines of each account that has appeared; False if there were none.

        If accounts fail, raises the error of the first one after all have been tried.
        """
        with self._database.snapshot() as tx:
            awaited = tx.rejections.awaited(after=self._after, limit=ACCOUNTS_A_ROUND)
            appeared = sorted(tx.accounts.existing(awaited))
        failures: list[Exception] = []
        for account in appeared:
            try:
                retried = self._retry(account)
            except Exception as error:  # noqa: BLE001 - it is raised below, after the other accounts
                failures.append(error)
                continue
            log.info("rejection.retried", account=account, accepted=retried.accepted, rejected=retried.rejected)
        if failures:
            raise failures[0]
        if not appeared:  # otherwise they may have more lines
            self._after = awaited[-1] if len(awaited) == ACCOUNTS_A_ROUND else None
        return bool(appeared)
