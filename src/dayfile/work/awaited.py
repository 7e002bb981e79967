"""Lines that waited for an account are tried again when it is there, whoever made it and whatever died meanwhile.

Nothing is noted when an account is made: what waits and what is there is in the database, so nothing can be missed,
also not a line that was refused just before the account was committed and kept just after.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

from dayfile.intake.retry import Retried
from dayfile.model.account import AccountSid
from dayfile.store.database import Database

ACCOUNTS_A_ROUND: Final = 500
"""So many accounts that lines wait for are looked at in a round; the next one goes on from there."""

log = structlog.get_logger()


class Awaited:
    """Finds accounts that have appeared, and has what waited for them tried again."""

    def __init__(self, database: Database, *, retry: Callable[[AccountSid], Retried]) -> None:
        self._database = database
        self._retry = retry
        self._after: AccountSid | None = None

    def round(self) -> bool:
        """Try some lines of each account that has appeared; False when there was nothing to try.

        Raises what the first account that failed raised, when all have been tried.
        """
        with self._database.snapshot() as tx:
            awaited = tx.rejections.awaited(after=self._after, limit=ACCOUNTS_A_ROUND)
            appeared = sorted(tx.accounts.existing(awaited))
        failures: list[Exception] = []
        for account in appeared:
            try:
                retried = self._retry(account)
            except Exception as error:  # noqa: BLE001 - it is raised below, when the others have had their turn
                failures.append(error)
                continue
            log.info("rejection.retried", account=account, accepted=retried.accepted, rejected=retried.rejected)
        if failures:
            raise failures[0]
        if not appeared:  # else those have more perhaps
            self._after = awaited[-1] if len(awaited) == ACCOUNTS_A_ROUND else None
        return bool(appeared)
