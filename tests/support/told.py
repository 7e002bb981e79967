"""Notices to be told, and what they are told with."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from functools import cache
from ipaddress import ip_network
from typing import Final

from dayfile.clock import SystemClock
from dayfile.delivery.http import trusted_authorities
from dayfile.delivery.ssrf import Destinations, UnresolvedName
from dayfile.delivery.transport import Credentials
from dayfile.delivery.webhook import WebhookTransport
from dayfile.model.account import AccountSid
from dayfile.model.day import Day, DayRange
from dayfile.model.job import JobSid
from dayfile.model.notice import (
    Channel,
    DayContent,
    EventSid,
    JobContent,
    Notice,
    NoticeEvent,
    NoticeState,
    Outcome,
)
from dayfile.model.resource import MESSAGES
from tests.support.clock import NOON

ACCOUNT: Final = AccountSid("AC" + "0a" * 16)
EVENT: Final = EventSid("EV" + "1b" * 16)
JOB: Final = JobSid("JS" + "2c" * 16)
CREDENTIALS: Final = Credentials(auth_token="a token of 32 characters, roughly", webhook_secrets=(b"n" * 32, b"o" * 32))
LOOPBACK: Final = ("127.0.0.0/8", "::1/128")

OCTOBER: Final = JobContent(
    friendly_name="Größe & Co. 📞 + 100 %",
    days=DayRange(first=Day.parse("2026-10-01"), last=Day.parse("2026-10-31")),
    days_completed=28,
    days_empty=2,
    days_failed=1,
)


def a_notice(receiver: str, *, method: str | None = "POST", content: JobContent | DayContent = OCTOBER) -> Notice:
    """A notice to a webhook: of a job that is over, or of a daily file."""
    of_job = isinstance(content, JobContent)
    return Notice(
        sid=EVENT,
        account=ACCOUNT,
        number=1,
        event=NoticeEvent.JOB_FINISHED if of_job else NoticeEvent.DAY_EXPORTED,
        channel=Channel.WEBHOOK,
        receiver=receiver,
        method=method,
        resource_type=MESSAGES,
        job_sid=JOB if of_job else None,
        day=None if of_job else Day.parse("2026-11-22"),
        generation=None if of_job else 7,
        content=content,
        state=NoticeState.PENDING,
        attempts=1,
        created_at=NOON,
        next_attempt_at=NOON,
        ended_at=None,
    )


@cache
def trusted() -> ssl.SSLContext:
    """The authorities of this system: reading them takes longer than a test."""
    return trusted_authorities(None)


class NamesOf:
    """A resolver that knows some names; each list of addresses is its next answer, and the last one for ever."""

    def __init__(self, names: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self._answers = {name: list(answers) for name, answers in names.items()}
        self.asked: list[str] = []

    def resolve(self, host: str, *, seconds: float) -> Sequence[str]:
        """The addresses of a name."""
        self.asked.append(host)
        answers = self._answers.get(host)
        if answers is None:
            raise UnresolvedName("the host name does not resolve")
        return answers.pop(0) if len(answers) > 1 else answers[0]


def destinations(*allow: str, **names: Sequence[Sequence[str]]) -> Destinations:
    """The addresses that webhooks may go to in a test; an underscore in a name stands for a dot."""
    known = {name.replace("_", "."): answers for name, answers in names.items()}
    return Destinations(allow=[ip_network(text) for text in allow], resolver=NamesOf(known))


def deliver(
    receiver: str | Notice,
    *,
    to: Destinations | None = None,
    seconds: float = 10,
    transport: WebhookTransport | None = None,
) -> Outcome:
    """One attempt to tell a receiver, by a transport of its own unless one is given."""
    used = transport or WebhookTransport(
        to or destinations(*LOOPBACK), trusted=trusted(), clock=SystemClock(), seconds=seconds
    )
    try:
        notice = a_notice(receiver) if isinstance(receiver, str) else receiver
        return used.deliver(notice, attempt=1, credentials=CREDENTIALS, now=NOON)
    finally:
        if transport is None:
            used.close()
