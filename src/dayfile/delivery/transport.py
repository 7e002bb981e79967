"""The seam between the dispatcher, which knows when to try, and the channels, which know how.

One transport per channel. What they need beside the notice, and the dispatcher alone can read, is in `Credentials`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dayfile.model.notice import Notice, Outcome


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Credentials:
    """The secrets with which a notice of one account is signed; they are never printed."""

    auth_token: str  # as it is now, for X-Twilio-Signature
    webhook_secrets: tuple[bytes, ...]  # keys of Standard Webhooks' signatures, newest first

    def __repr__(self) -> str:
        return "Credentials(...)"


class Transport(Protocol):
    """One channel. Called from several threads at once."""

    def deliver(self, notice: Notice, *, attempt: int, credentials: Credentials, now: datetime) -> Outcome:
        """Try once to tell the receiver; `attempt` counts from 1.

        Returns within ATTEMPT_SECONDS and raises nothing for what a receiver does or fails to do: that is an outcome.
        """
        ...
