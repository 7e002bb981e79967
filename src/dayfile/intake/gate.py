"""Gates: whose records one caller may write. Apart from their maker: processes that read have no database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from dayfile.model.account import AccountSid


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The reason why an account's records are refused, and whether they will be accepted once the account exists."""

    reason: str
    waits_for_account: bool


class Gate(Protocol):
    """The rule for the accounts whose records one caller may write."""

    @property
    def known(self) -> AbstractSet[AccountSid]:
        """The accounts that are let in without another question."""
        ...

    def judge(self, accounts: Collection[AccountSid]) -> Mapping[AccountSid, Refused]:
        """Return the accounts that are not let in, with the reasons; all others are let in."""
        ...
