"""Accounts: their sids, their states, and sets of accounts packed into a few bytes."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final, NewType

from dayfile.errors import InvalidParameter
from dayfile.model.sid import canonical_sid

AccountSid = NewType("AccountSid", str)

SHORTEST_TOKEN = 16
"""The fewest characters of an auth token: a shorter one can be guessed."""

LONGEST_TOKEN = 128

KEEP_OLD_FOR: Final = timedelta(hours=24)
"""The time for which a replaced token works beside the new one, unless the caller says otherwise."""

_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}")
_TOKEN = re.compile(rf"[!-~]{{{SHORTEST_TOKEN},{LONGEST_TOKEN}}}")
PACKED_BYTES = 8
"""The bytes of each account in a packed set."""


class AccountState(Enum):
    """The state of an account. In every state its files are kept and its platform's records are accepted."""

    ACTIVE = "active"
    SUSPENDED = "suspended"  # it and its subaccounts may ask for nothing, until it is active again
    CLOSED = "closed"  # for good


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A tenant. A subaccount names its parent; a parent's own `root` is itself."""

    sid: AccountSid
    parent: AccountSid | None
    state: AccountState
    friendly_name: str
    email: str | None  # of its owner
    created_at: datetime

    @property
    def root(self) -> AccountSid:
        """The account whose quota this one draws from."""
        return self.parent or self.sid


def parse_account_sid(text: str, *, name: str = "AccountSid") -> AccountSid:
    """Read `AC` and 32 hexadecimal digits; raises InvalidParameter naming `name`."""
    sid = canonical_sid(text, prefix="AC")
    if sid is None:
        raise InvalidParameter(name, "must be AC followed by 32 hexadecimal digits", text)
    return AccountSid(sid)


def is_account_sid(value: object) -> bool:
    """Return True for the sid of an account in the form that is kept."""
    return isinstance(value, str) and canonical_sid(value, prefix="AC") == value


def sid_of_uuid(prefix: str, text: str) -> str | None:
    """Return the sid of a platform's UUID: the prefix and the UUID's 32 digits, without hyphens and in lower case.

    Returns None if the text is not a UUID. This is the documented rule for platforms that name things by UUIDs.
    """
    return prefix + text.replace("-", "").lower() if _UUID.fullmatch(text) else None


def parse_auth_token(text: str, *, name: str = "auth_token") -> str:
    """Read an auth token that a platform has already given out; raises InvalidParameter, which does not repeat it."""
    if not _TOKEN.fullmatch(text):
        raise InvalidParameter(
            name,
            f"must be {SHORTEST_TOKEN} to {LONGEST_TOKEN} visible ASCII characters without spaces; got {len(text)}",
        )
    return text


def go_refuses(token: str) -> bool:
    """Return True if Twilio's library for Go would refuse to send the token."""
    return not token.isalnum()


def pack_accounts(accounts: Iterable[AccountSid]) -> bytes:
    """Return a set of accounts as sorted 8-byte prefixes of their hex digits, to be queried with `packed_holds`."""
    return b"".join(sorted({_packed(account) for account in accounts}))


def unite_packed(sets: Iterable[bytes]) -> bytes:
    """Return the union of packed sets as one packed set."""
    return b"".join(sorted(set().union(*map(packed_members, sets))))


def packed_members(packed: bytes) -> set[bytes]:
    """Return the prefixes that a packed set is made of: the first 8 of the 16 bytes of each account."""
    return {packed[at : at + PACKED_BYTES] for at in range(0, len(packed), PACKED_BYTES)}


def packed_holds(packed: bytes, account: AccountSid) -> bool:
    """Return True if the account may be in the packed set.

    False is always right. True is wrong for an account whose prefix collides with that of one in the set: this costs
    work and no correctness.
    """
    wanted = _packed(account)
    count = len(packed) // PACKED_BYTES
    at = bisect_left(range(count), wanted, key=lambda n: packed[n * PACKED_BYTES : (n + 1) * PACKED_BYTES])
    return at < count and packed[at * PACKED_BYTES : (at + 1) * PACKED_BYTES] == wanted


def _packed(account: AccountSid) -> bytes:
    return bytes.fromhex(account[2 : 2 + 2 * PACKED_BYTES])
