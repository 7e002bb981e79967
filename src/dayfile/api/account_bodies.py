"""Response bodies of accounts and their keys. Dayfile's own, not Twilio's; only new ones contain a secret."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from dayfile.api.body import Body, ClosedBody, moment_text, moment_text_or_none
from dayfile.api.openapi.schema import ACCOUNT_SID, moment, text, url
from dayfile.api.paging import MetaBody
from dayfile.model.account import LONGEST_TOKEN, SHORTEST_TOKEN, Account, AccountSid, AccountState
from dayfile.model.account_entry import LONGEST_NAME
from dayfile.model.credential import ApiKey, KeyKind, Permission, permissions_of
from dayfile.web.urls import Urls

ACCOUNT_SID_PATTERN: Final = "^AC[0-9a-f]{32}$"
KEY_SID: Final = "SK0123456789abcdef0123456789abcdef"
KEY_SID_PATTERN: Final = "^SK[0-9a-f]{32}$"
TOKEN: Final = "0123456789abcdefghijABCDEFGHIJKL"  # noqa: S105 - an example, not a secret
KINDS: Final = [kind.value for kind in KeyKind if kind is not KeyKind.OPERATOR]


class AccountLinks(Body, frozen=True, kw_only=True):
    """Addresses of what belongs to it."""

    keys: Annotated[str, url("Its API keys.", f"/v1/Accounts/{ACCOUNT_SID}/Keys")]


class AccountBody(Body, frozen=True, kw_only=True):
    """An account."""

    account_sid: Annotated[str, text("The account's sid.", ACCOUNT_SID, pattern=ACCOUNT_SID_PATTERN)]
    parent_account_sid: (
        Annotated[str, text("Its parent; null for none.", ACCOUNT_SID, pattern=ACCOUNT_SID_PATTERN)] | None
    )
    friendly_name: Annotated[str, text("Any name.", "Acme", maxLength=LONGEST_NAME)]
    status: Annotated[
        str,
        text(
            "Its credentials work only while it is active. Closed is for good.",
            "active",
            enum=[state.value for state in AccountState],
        ),
    ]
    email: Annotated[str, text("The address of its owner.", "someone@example.com")] | None
    date_created: Annotated[str, moment("When it was made.", "2026-10-01T10:00:00Z")]
    url: Annotated[str, url("The address of this account.", f"/v1/Accounts/{ACCOUNT_SID}")]
    links: AccountLinks

    @classmethod
    def of(cls, urls: Urls, account: Account) -> AccountBody:
        """Return an account as the operator sees it."""
        return cls(
            account_sid=account.sid,
            parent_account_sid=account.parent,
            friendly_name=account.friendly_name,
            status=account.state.value,
            email=account.email,
            date_created=moment_text(account.created_at),
            url=urls.account(account.sid),
            links=AccountLinks(keys=urls.keys(account.sid)),
        )


class NewAccountBody(AccountBody, frozen=True, kw_only=True):
    """An account just made. Its token is in no other answer."""

    auth_token: Annotated[str, text("Its auth token.", TOKEN, minLength=SHORTEST_TOKEN, maxLength=LONGEST_TOKEN)]


class AccountListBody(ClosedBody, frozen=True, kw_only=True):
    """One page of the accounts, in the order of their sids."""

    meta: MetaBody
    accounts: list[AccountBody]


class KeyBody(Body, frozen=True, kw_only=True):
    """An API key."""

    sid: Annotated[str, text("The key's sid: the user name of a login.", KEY_SID, pattern=KEY_SID_PATTERN)]
    account_sid: Annotated[str, text("Whose key it is.", ACCOUNT_SID, pattern=ACCOUNT_SID_PATTERN)]
    kind: Annotated[str, text("What it may do.", "restricted", enum=KINDS)]
    permissions: Annotated[
        list[
            Annotated[str, text("A permission.", "exports:read", enum=[permission.value for permission in Permission])]
        ],
        Meta(description="What a key of this kind may do, in detail."),
    ]
    friendly_name: Annotated[str, text("Any name.", "nightly export", maxLength=LONGEST_NAME)]
    date_created: Annotated[str, moment("When it was made.", "2026-10-01T10:00:00Z")]
    date_revoked: Annotated[str, text("When it was revoked; null while it works.", "2026-10-08T10:00:00Z")] | None

    @classmethod
    def of(cls, key: ApiKey, *, account: AccountSid) -> KeyBody:
        """Return an API key of this account, without its secret."""
        return cls(
            sid=key.sid,
            account_sid=account,
            kind=key.kind.value,
            permissions=sorted(permission.value for permission in permissions_of(key)),
            friendly_name=key.friendly_name,
            date_created=moment_text(key.created_at),
            date_revoked=moment_text_or_none(key.revoked_at),
        )


class NewKeyBody(KeyBody, frozen=True, kw_only=True):
    """A key just made. Its secret is in no other answer."""

    secret: Annotated[str, text("The password that goes with its sid.", TOKEN)]


class KeyListBody(Body, frozen=True, kw_only=True):
    """All keys of an account, oldest first, revoked ones too."""

    keys: list[KeyBody]
