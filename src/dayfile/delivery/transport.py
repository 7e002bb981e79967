"""The interface between the dispatcher, which decides when to attempt a notice, and the channels, which know how.

There is one transport per channel. `Credentials` are the secrets that it needs, which only the dispatcher can read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dayfile.model.notice import Notice, Outcome


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Credentials:
    """The secrets that sign the notices of one account; they are never printed."""

    auth_token: str  # as it is now, for X-Twilio-Signature
    webhook_secrets: tuple[bytes, ...]  # keys of Standard Webhooks' signatures, newest first

    def __repr__(self) -> str:
        return "Credentials(...)"


class Transport(Protocol):
    """The transport of one channel. Called from several threads at once."""

    def deliver(self, notice: Notice, *, attempt: int, credentials: Credentials, now: datetime) -> Outcome:
        """Attempt once to deliver a notice; `attempt` counts from 1.

        Returns within ATTEMPT_SECONDS. Whatever the receiver does or fails to do is an outcome, and never raises.
        """
        ...
