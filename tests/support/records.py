"""Records as platforms send them, and what should come of them, worked out without Dayfile."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from tests.support.state import a_sid


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One version of one message as a platform sends it."""

    account: str
    name: str  # of the message
    created: str  # 2026-11-01T10:00:00Z
    updated: str
    body: str = "hello"

    @property
    def sid(self) -> str:
        """Its sid: the same for the same name."""
        return a_sid("SM", self.name)

    @property
    def key(self) -> tuple[str, str, str]:
        """Return account, day and sid, which make two versions the same record."""
        return self.account, self.created[:10], self.sid

    def line(self) -> bytes:
        """The line that is sent, without a newline."""
        return json.dumps(
            {
                "sid": self.sid,
                "account_sid": self.account,
                "date_created": self.created,
                "date_updated": self.updated,
                "body": self.body,
                "status": "delivered",
            },
            ensure_ascii=False,
        ).encode()


def body_of(sent: Iterable[Sent]) -> bytes:
    """A request body of NDJSON."""
    return b"".join(one.line() + b"\n" for one in sent)


def newest(arrivals: Iterable[Sent]) -> dict[tuple[str, str, str], Sent]:
    """The newest version of each record: the greatest date_updated, of equals the one that came later."""
    kept: dict[tuple[str, str, str], Sent] = {}
    for sent in arrivals:
        if sent.key not in kept or sent.updated >= kept[sent.key].updated:
            kept[sent.key] = sent
    return kept
