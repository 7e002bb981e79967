"""Trials of webhooks: one made-up notice to a URL that is not configured yet, and what the receiver answered.

Apart, because a trial is nobody's notice: it is not written, not repeated, and tells nothing that has happened.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final

from dayfile.clock import Clock
from dayfile.delivery.transport import Transport, credentials_of
from dayfile.errors import TooManyRequests
from dayfile.model.account import AccountSid
from dayfile.model.credential import Actor
from dayfile.model.day import Day
from dayfile.model.empty import EMPTY_FILE
from dayfile.model.notice import Channel, DayContent, EventSid, Notice, NoticeEvent, NoticeState, Outcome
from dayfile.model.resource import ResourceType
from dayfile.model.secret import InstanceKey, Randomness
from dayfile.store.database import Database

TRIAL_NAME: Final = "A test of this webhook"
"""The friendly name that trials carry: by it, and by an event sid that is never repeated, a receiver knows them."""

_MOST_AT_ONCE: Final = 4  # in one process; each holds a thread for as long as an attempt may take
_RETRY_AFTER_SECONDS: Final = 5
_SID_DIGITS: Final = 32


class WebhookTrial:
    """Trials of webhooks, one at a time for each account. Safe to call from any number of threads."""

    def __init__(
        self,
        database: Database,
        *,
        key: InstanceKey,
        clock: Clock,
        randomness: Randomness,
        transport: Callable[[], Transport],
    ) -> None:
        """Take the parts; `transport` makes the transport of webhooks when the first trial asks for it."""
        self._database = database
        self._key = key
        self._clock = clock
        self._randomness = randomness
        self._transport = transport
        self._under_way: set[AccountSid] = set()
        self._lock = threading.Lock()

    def send(self, account: AccountSid, resource_type: ResourceType, *, url: str, method: str, actor: Actor) -> Outcome:
        """Send one made-up notice, signed as real ones are, and return what came of it; nothing is repeated.

        Raises TooManyRequests while another trial of the account, or too many of others, are under way.
        """
        self._enter(account)
        try:
            now = self._clock.now()
            with self._database.transaction() as tx:
                credentials = credentials_of(account, tx, key=self._key, now=now)
                tx.audit.add(actor=actor, action="webhook.tried", subject=f"{account}/{resource_type}", now=now)
            notice = self._notice(account, resource_type, url=url, method=method, now=now)
            return self._transport().deliver(notice, attempt=1, credentials=credentials, now=now)
        finally:
            with self._lock:
                self._under_way.discard(account)

    def _enter(self, account: AccountSid) -> None:
        with self._lock:
            if account in self._under_way or len(self._under_way) >= _MOST_AT_ONCE:
                raise TooManyRequests(
                    "another test of a webhook is under way: wait for its end, and send this one again",
                    retry_after=_RETRY_AFTER_SECONDS,
                )
            self._under_way.add(account)

    def _notice(
        self, account: AccountSid, resource_type: ResourceType, *, url: str, method: str, now: datetime
    ) -> Notice:
        return Notice(
            sid=EventSid("EV" + self._randomness.hex(_SID_DIGITS)),
            account=account,
            number=0,
            event=NoticeEvent.DAY_EXPORTED,
            channel=Channel.WEBHOOK,
            receiver=url,
            method=method,
            resource_type=resource_type,
            job_sid=None,
            day=Day.of(now) - 1,
            generation=None,
            content=DayContent(friendly_name=TRIAL_NAME, size_bytes=len(EMPTY_FILE)),
            state=NoticeState.PENDING,
            attempts=1,
            created_at=now,
            next_attempt_at=None,
            ended_at=None,
        )
