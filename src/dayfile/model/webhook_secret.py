"""Webhook secrets: the keys of Standard Webhooks signatures, one per account.

They are derived from the instance key and never stored: the database only counts their rotations.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta

from dayfile.model.account import AccountSid
from dayfile.model.secret import InstanceKey

OVERLAP = timedelta(days=1)
"""The time after a rotation for which the former secret signs as well, so that receivers can be changed one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretGeneration:
    """The number of an account's current webhook secret, and how long the one before it still signs."""

    number: int  # 0 at first; each rotation adds one
    former_until: datetime | None  # until then the secret before it signs, too


def webhook_secrets(
    key: InstanceKey, *, account: AccountSid, generation: SecretGeneration, now: datetime
) -> tuple[bytes, ...]:
    """Return the keys that sign the account's webhooks now, newest first: one, or two for a while after a rotation."""
    is_rotating = generation.former_until is not None and now < generation.former_until
    numbers = (generation.number, generation.number - 1) if is_rotating else (generation.number,)
    return tuple(key.subkey(f"webhook/{account}/{number}") for number in numbers)


def secret_text(secret: bytes) -> str:
    """Return the secret as its owner gets it and as libraries of Standard Webhooks take it: `whsec_` and base64."""
    return "whsec_" + base64.b64encode(secret).decode()
