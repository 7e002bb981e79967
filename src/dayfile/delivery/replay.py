"""A notice that has ended, told once more because somebody asks for it: under its event sid, as if it were new."""

from __future__ import annotations

from collections.abc import Callable

from dayfile.clock import Clock
from dayfile.errors import Conflict, NotFound
from dayfile.model.account import AccountSid
from dayfile.model.credential import Actor
from dayfile.model.notice import EventSid, Notice
from dayfile.store.database import Database


class Replay:
    """Begins notices anew. `wake` is called after each, so that a dispatcher here need not be polled."""

    def __init__(self, database: Database, *, clock: Clock, wake: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._wake = wake

    def replay(self, sid: EventSid, *, actor: Actor, account: AccountSid | None = None) -> Notice:
        """The notice, pending again and due now; its attempts so far stay in the log.

        Raises NotFound, with `account` also for those of others, and Conflict for one that is pending anyway.
        """
        now = self._clock.now()
        with self._database.transaction() as tx:
            notice = tx.notices.find(sid, account=account)
            if notice is None:
                raise NotFound(f"there is no notice {sid}")
            if not tx.notices.replay(sid, now=now):
                raise Conflict(f"the notice {sid} is pending: it is tried again by itself")
            tx.audit.add(actor=actor, action="notice.replayed", subject=f"{notice.account}/{sid}", now=now)
            replayed = tx.notices.get(sid)
        self._wake()
        return replayed
