"""Who is asking: an account with its auth token or an API key, or the operator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from dayfile.errors import Forbidden, InvalidParameter
from dayfile.model.account import Account, AccountSid


class Scope(Enum):
    """What an operator's key may do."""

    INTAKE = "intake"  # write records of every account
    ERASE = "erase"  # take records away
    ACCOUNTS = "accounts"  # create and change accounts


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key pair: an account's own, or the operator's (account None) with scopes."""

    sid: str  # SK + 32 hex
    account: AccountSid | None
    scopes: frozenset[Scope]
    friendly_name: str
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The owner of the credentials of one request."""

    credential: str  # the sid that was given as user name
    account: Account | None  # None: the operator
    scopes: frozenset[Scope]

    def customer(self) -> Account:
        """The account that exports are asked for; raises Forbidden for an operator's key, which owns none."""
        if self.account is None:
            raise Forbidden("an operator key owns no exports: use the credentials of the account")
        return self.account

    def require(self, scope: Scope) -> None:
        """Raises Forbidden unless this is an operator's key with the scope."""
        if scope not in self.scopes:
            raise Forbidden(
                f"this needs an operator key with the scope {scope.value!r}: make one with "
                f"`dayfile keys create --operator --scope {scope.value}`"
            )


def parse_scope(text: str) -> Scope:
    """Read the name of a scope; raises InvalidParameter that lists them."""
    try:
        return Scope(text)
    except ValueError as error:
        raise InvalidParameter("scope", f"must be one of {', '.join(s.value for s in Scope)}", text) from error
