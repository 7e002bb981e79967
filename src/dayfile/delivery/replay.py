"""A notice told at once, as somebody asks for it: again if it has ended, and without more waiting if it is pending."""

from __future__ import annotations

from collections.abc import Callable

from dayfile.clock import Clock
from dayfile.errors import NotFound
from dayfile.model.account import AccountSid
from dayfile.model.credential import Actor
from dayfile.model.notice import EventSid, Notice
from dayfile.store.database import Database


class Replay:
    """Has notices attempted at once. `wake` is called after each, so that a dispatcher here need not be polled."""

    def __init__(self, database: Database, *, clock: Clock, wake: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._wake = wake

    def replay(self, sid: EventSid, *, actor: Actor, account: AccountSid | None = None) -> Notice:
        """Return the notice, pending and due now; its attempts so far stay in the log.

        One that was pending goes on in its schedule after this attempt. Raises NotFound, with `account` also for those
        of others.
        """
        now = self._clock.now()
        with self._database.transaction() as tx:
            notice = tx.notices.find(sid, account=account)
            if notice is None:
                raise NotFound(f"there is no notice {sid}")
            tx.notices.replay(sid, now=now)
            tx.audit.add(actor=actor, action="notice.replayed", subject=f"{notice.account}/{sid}", now=now)
            replayed = tx.notices.get(sid)
        self._wake()
        return replayed
