"""Callers and their credentials: an account with its auth token or an API key, or the operator."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from dayfile.errors import Forbidden, Invalid, NotFound
from dayfile.model.account import Account, AccountSid
from dayfile.model.sid import canonical_sid


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The author of a deed in the audit log."""

    name: str  # a credential's sid, or `operator` for what is done on the instance itself
    address: str | None = None  # the client that a request came from; None: no request


class Scope(Enum):
    """The scopes of an operator's key."""

    INTAKE = "intake"  # write records of every account
    ERASE = "erase"  # remove records; reserved until there is an operation that does, and not granted before
    ACCOUNTS = "accounts"  # create and change accounts; make operators' keys with scopes that the key itself has


class Permission(Enum):
    """The permissions of an account's credentials. Each operation needs exactly one of them."""

    EXPORTS_READ = "exports:read"  # see what there is: resource types, configurations, jobs, days, manifests
    DOWNLOADS_READ = "downloads:read"  # get links to day files, and so what is in them
    JOBS_WRITE = "jobs:write"  # create and delete jobs
    CONFIGURATION_WRITE = "configuration:write"  # turn daily exports on and off, and say who is told
    RECORDS_WRITE = "records:write"  # send records, where accounts may
    KEYS_WRITE = "keys:write"  # see, make and revoke the account's API keys


class KeyKind(Enum):
    """The kinds of API keys; `permissions_of` gives their permissions."""

    OPERATOR = "operator"
    MAIN = "main"
    STANDARD = "standard"
    RESTRICTED = "restricted"


EVERYTHING = frozenset(Permission)
"""The permissions of an auth token and of a main key."""

GRANTABLE_SCOPES = frozenset(Scope) - {Scope.ERASE}
"""Scopes that a key can get by now."""

GRANTABLE = EVERYTHING - {Permission.KEYS_WRITE}
"""Permissions of a standard key, and all that a restricted one can get: a key that makes keys could add to its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key pair: an account's own, or the operator's (account None) with scopes."""

    sid: str  # SK + 32 hex
    account: AccountSid | None
    kind: KeyKind
    scopes: frozenset[Scope]
    permissions: frozenset[Permission]  # a restricted key's, as it was given them
    friendly_name: str
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The owner of the credentials of one request."""

    credential: str  # the sid that was given as user name
    account: Account | None  # None: the operator
    scopes: frozenset[Scope]
    permissions: frozenset[Permission]

    def customer(self, permission: Permission) -> Account:
        """Return the account that the request is for; raises Forbidden for a key without the permission.

        An operator's key owns no account, and may do nothing in the name of one.
        """
        if self.account is None:
            raise Forbidden("an operator key owns no exports: use the credentials of the account")
        if permission not in self.permissions:
            raise Forbidden(
                f"this key lacks the permission {permission.value!r}: use one that has it, or the account's auth token"
            )
        return self.account

    def require(self, scope: Scope) -> None:
        """Raise Forbidden unless this is an operator's key with the scope."""
        if scope not in self.scopes:
            raise Forbidden(
                f"this needs an operator key with the scope {scope.value!r}: make one with "
                f"`dayfile keys create --operator --scope {scope.value}`"
            )


def parse_key_sid(text: str) -> str:
    """Read `SK` and 32 hexadecimal digits; raises NotFound for anything else, since no such key can exist."""
    sid = canonical_sid(text, prefix="SK")
    if sid is None:
        raise NotFound(f"there is no key {text[:80]!r}: a key sid is SK followed by 32 hexadecimal digits")
    return sid


def check_grant(granter: Caller, scopes: Collection[Scope]) -> None:
    """Raise Forbidden if an operator's key would make another one that may do more than itself."""
    granter.require(Scope.ACCOUNTS)
    for scope in scopes:
        if scope not in granter.scopes:
            raise Forbidden(
                f"this key lacks the scope {scope.value!r}, and makes none that has it: use one that has it, or "
                f"`dayfile keys create --operator --scope {scope.value}` on the machine of the server"
            )


def permissions_of(key: ApiKey | None) -> frozenset[Permission]:
    """Return the permissions of a key; None stands for the auth token itself."""
    if key is None or key.kind is KeyKind.MAIN:
        return EVERYTHING
    if key.kind is KeyKind.STANDARD:
        return GRANTABLE
    return key.permissions if key.kind is KeyKind.RESTRICTED else frozenset()


def check_key(
    kind: KeyKind, *, of_account: bool, scopes: Collection[Scope], permissions: Collection[Permission]
) -> None:
    """Raise Invalid if the kind, owner, scopes and permissions of a key contradict each other."""
    if of_account is (kind is KeyKind.OPERATOR):
        raise Invalid("an operator key has no account, and every other key has one")
    if of_account and scopes:
        raise Invalid("scopes belong to operator keys: leave them out, or leave the account out")
    if not of_account and not scopes:
        raise Invalid("an operator key without a scope opens nothing: name at least one scope")
    if kind is not KeyKind.RESTRICTED and permissions:
        raise Invalid(f"permissions belong to restricted keys: a {kind.value} key has those of its kind")
    if kind is KeyKind.RESTRICTED and not permissions:
        raise Invalid("a restricted key without a permission opens nothing: name at least one")
    if not GRANTABLE_SCOPES.issuperset(scopes):
        raise Invalid("the scope 'erase' cannot be given yet: Dayfile has nothing that erases records")
    for permission in permissions:
        if permission not in GRANTABLE:
            raise Invalid(f"{permission.value!r} cannot be given to a restricted key: it needs a main key")
