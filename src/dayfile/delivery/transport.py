"""The interface between the dispatcher, which decides when to attempt a notice, and the channels, which know how.

There is one transport per channel, and here is what all of them share: the secrets that sign, which only the dispatcher
can read; one time limit for an attempt; the certificate authorities that TLS trusts; and the outcomes of attempts that
failed, in words for the receiver's owner.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from dayfile.clock import Clock
from dayfile.errors import Unusable
from dayfile.model.account import AccountSid
from dayfile.model.notice import Notice, Outcome, Result
from dayfile.model.secret import InstanceKey, decrypt
from dayfile.model.webhook_secret import webhook_secrets
from dayfile.store.transaction import Transaction


class Transport(Protocol):
    """The transport of one channel. Called from several threads at once."""

    def deliver(self, notice: Notice, *, attempt: int, credentials: Credentials, now: datetime) -> Outcome:
        """Attempt once to deliver a notice; `attempt` counts from 1.

        Returns within ATTEMPT_SECONDS. Whatever the receiver does or fails to do is an outcome, and never raises.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Credentials:
    """The secrets that sign the notices of one account; they are never printed."""

    auth_token: str  # as it is now, for X-Twilio-Signature
    webhook_secrets: tuple[bytes, ...]  # keys of Standard Webhooks' signatures, newest first

    def __repr__(self) -> str:
        return "Credentials(...)"


def credentials_of(account: AccountSid, tx: Transaction, *, key: InstanceKey, now: datetime) -> Credentials:
    """Return the account's current credentials; raises NotFound, or Corrupt if another instance key encrypted them.

    They are read again for every attempt, since both secrets may be rotated.
    """
    generation = tx.accounts.webhook_secret(account)
    return Credentials(
        auth_token=decrypt(key, sid=account, encrypted=tx.accounts.encrypted_token(account)),
        webhook_secrets=webhook_secrets(key, account=account, generation=generation, now=now),
    )


class Deadline:
    """The end of an attempt, `seconds` from now on the monotonic clock."""

    def __init__(self, clock: Clock, *, seconds: float) -> None:
        self._clock = clock
        self._ends = clock.monotonic() + seconds

    def remaining(self) -> float:
        """Return the seconds left, as the limit of the next step; raises TimeoutError if there are none."""
        left = self._ends - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def shares(self, count: int) -> Iterator[float]:
        """Yield, for each of `count` tries, an equal share of the seconds left by then; raises TimeoutError at 0."""
        for others in range(count, 0, -1):
            yield self.remaining() / others

    @property
    def is_over(self) -> bool:
        """True if no time is left."""
        return self._clock.monotonic() >= self._ends


def load_authorities(context: ssl.SSLContext, path: Path) -> None:
    """Trust the authorities of a PEM file as well; raises Unusable."""
    try:
        context.load_verify_locations(path)
    except OSError as error:  # ssl.SSLError is one
        raise Unusable(f"{path} cannot be read as a PEM file of certificate authorities: {error}") from error


def failed(error: str) -> Outcome:
    """Return the outcome of an attempt that got no answer and is tried again."""
    return Outcome(result=Result.FAILED, status=None, error=error, answer=b"", retry_after=None)


def reason(error: Exception) -> str:
    """Return the text of a connection error, without addresses, paths or secrets of this machine."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate cannot be trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return str(error)
