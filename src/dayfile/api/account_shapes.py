"""Response bodies of accounts and their keys. Dayfile's own, not Twilio's; they never contain a secret."""

from __future__ import annotations

from dayfile.api.shapes import Body, moment_text
from dayfile.api.urls import Urls
from dayfile.model.account import Account
from dayfile.model.credential import ApiKey, permissions_of


def account_shape(urls: Urls, account: Account) -> Body:
    """Return an account as the operator sees it."""
    return {
        "account_sid": account.sid,
        "parent_account_sid": account.parent,
        "friendly_name": account.friendly_name,
        "status": account.state.value,
        "email": account.email,
        "date_created": moment_text(account.created_at),
        "url": urls.account(account.sid),
        "links": {"keys": urls.keys(account.sid)},
    }


def key_shape(key: ApiKey) -> Body:
    """Return an API key of an account, without its secret."""
    return {
        "sid": key.sid,
        "account_sid": key.account,
        "kind": key.kind.value,
        "permissions": sorted(permission.value for permission in permissions_of(key)),
        "friendly_name": key.friendly_name,
        "date_created": moment_text(key.created_at),
        "date_revoked": None if key.revoked_at is None else moment_text(key.revoked_at),
    }
