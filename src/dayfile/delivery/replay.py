"""Replay: an attempt to deliver a notice now, on request, whether it has ended or is pending."""

from __future__ import annotations

from collections.abc import Callable

from dayfile.clock import Clock
from dayfile.errors import NotFound
from dayfile.model.account import AccountSid
from dayfile.model.credential import Actor
from dayfile.model.notice import EventSid, Notice
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction


class Replay:
    """The replay of notices. `wake` is called after each, so that the dispatcher of this process need not poll."""

    def __init__(self, database: Database, *, clock: Clock, wake: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._wake = wake

    def replay(self, sid: EventSid, *, actor: Actor, account: AccountSid | None = None) -> Notice:
        """Make a notice pending and due now, and return it; its former attempts stay in the log.

        A notice that was pending goes on with its schedule after this attempt. Raises NotFound, also for a notice of an
        account other than `account` if that is given.
        """

        def replay(tx: Transaction) -> Notice:
            now = self._clock.now()
            notice = tx.notices.find(sid, account=account)
            if notice is None:
                raise NotFound(f"there is no notice {sid}")
            tx.notices.replay(sid, now=now)
            tx.audit.add(actor=actor, action="notice.replayed", subject=f"{notice.account}/{sid}", now=now)
            return tx.notices.get(sid)

        replayed = self._database.run(replay)
        self._wake()
        return replayed
