"""JSON Schemas of accounts and their keys: Dayfile's own, so open to further members."""

from __future__ import annotations

from collections.abc import Mapping

from dayfile.api.openapi.operation import Node, schema
from dayfile.api.openapi.schemas import ACCOUNT_SID, body, open_body, or_null, page, text, url
from dayfile.model.account import LONGEST_TOKEN, SHORTEST_TOKEN, AccountState
from dayfile.model.account_entry import LONGEST_NAME
from dayfile.model.credential import GRANTABLE, KeyKind, Permission
from dayfile.model.email import LONGEST_EMAIL

ACCOUNT_SID_PATTERN = "^AC[0-9a-f]{32}$"
GIVEN_ACCOUNT_SID_PATTERN = "^AC[0-9a-fA-F]{32}$"  # upper-case digits name the same account, too
KEY_SID = "SK0123456789abcdef0123456789abcdef"
KEY_SID_PATTERN = "^SK[0-9a-f]{32}$"
TOKEN = "0123456789abcdefghijABCDEFGHIJKL"  # noqa: S105 - an example, not a secret

_KINDS = [kind.value for kind in KeyKind if kind is not KeyKind.OPERATOR]

_ACCOUNT: Mapping[str, Node] = {
    "account_sid": text("The account's sid.", ACCOUNT_SID, pattern=ACCOUNT_SID_PATTERN),
    "parent_account_sid": or_null(text("Its parent; null for none.", ACCOUNT_SID, pattern=ACCOUNT_SID_PATTERN)),
    "friendly_name": text("Any name.", "Acme", maxLength=LONGEST_NAME),
    "status": text(
        "Whether its credentials work. Closed is for good.", "active", enum=[state.value for state in AccountState]
    ),
    "email": or_null(text("The address of its owner.", "someone@example.com")),
    "date_created": text("When it was made.", "2026-10-01T10:00:00Z", format="date-time"),
    "url": url("The address of this account.", f"/v1/Accounts/{ACCOUNT_SID}"),
    "links": open_body(
        "Addresses of what belongs to it.", keys=url("Its API keys.", f"/v1/Accounts/{ACCOUNT_SID}/Keys")
    ),
}
_KEY: Mapping[str, Node] = {
    "sid": text("The key's sid: the user name of a login.", KEY_SID, pattern=KEY_SID_PATTERN),
    "account_sid": text("Whose key it is.", ACCOUNT_SID, pattern=ACCOUNT_SID_PATTERN),
    "kind": text("What it may do.", "restricted", enum=_KINDS),
    "permissions": {
        "type": "array",
        "description": "The same in detail.",
        "items": text("A permission.", "exports:read", enum=[permission.value for permission in Permission]),
    },
    "friendly_name": text("Any name.", "nightly export", maxLength=LONGEST_NAME),
    "date_created": text("When it was made.", "2026-10-01T10:00:00Z", format="date-time"),
    "date_revoked": or_null(text("Since when it opens nothing; null: it works.", "2026-10-08T10:00:00Z")),
}

SCHEMAS: Mapping[str, Node] = {
    "Account": open_body("An account.", **_ACCOUNT),
    "NewAccount": open_body(
        "An account just made. Its token is in no other answer.",
        **_ACCOUNT,
        auth_token=text("Its auth token.", TOKEN, minLength=SHORTEST_TOKEN, maxLength=LONGEST_TOKEN),
    ),
    "AccountList": page("One page of the accounts, in the order of their sids.", "accounts", "Account"),
    "Key": open_body("An API key.", **_KEY),
    "NewKey": open_body(
        "A key just made. Its secret is in no other answer.",
        **_KEY,
        secret=text("The password that goes with its sid.", TOKEN),
    ),
    "KeyList": open_body(
        "All keys of an account, oldest first, revoked ones too.", keys={"type": "array", "items": schema("Key")}
    ),
}

_WANTED: Mapping[str, Node] = {
    "auth_token": {
        "type": "string",
        "pattern": f"^[!-~]{{{SHORTEST_TOKEN},{LONGEST_TOKEN}}}$",
        "description": "A token that its owner has already. Left out, one is made. Of an account that is there, "
        "another one is a rotation. Libraries for Go send letters and digits only.",
    },
    "parent_account_sid": {
        "type": "string",
        "pattern": GIVEN_ACCOUNT_SID_PATTERN,
        "description": "The parent, an account that has none. It never changes.",
    },
    "friendly_name": {"type": "string", "maxLength": LONGEST_NAME, "description": "Any name."},
    "status": {"enum": ["active", "suspended"], "description": "Whether its credentials work."},
    "email": {
        "type": "string",
        "maxLength": LONGEST_EMAIL,
        "description": "The address of its owner; empty for none.",
    },
}
_KEEP: Mapping[str, Node] = {
    "keep_old_token_for": {
        "type": "integer",
        "minimum": 0,
        "maximum": 30 * 86400,
        "default": 86400,
        "description": "So many seconds a token that is replaced works beside the new one.",
    }
}
_WANTED_KEY: Mapping[str, Node] = {
    "friendly_name": {"type": "string", "maxLength": LONGEST_NAME, "description": "Any name."},
    "kind": {"enum": _KINDS, "description": "What it may do: all; all but manage keys; what `permissions` say."},
    "permissions": {
        "type": "array",
        "items": {"enum": [permission.value for permission in Permission if permission in GRANTABLE]},
        "description": "Of a restricted key.",
    },
}


def _json(says: str, members: Mapping[str, Node], *, example: Mapping[str, object]) -> Node:
    object_of = {key: value for key, value in body(says, **members).items() if key not in {"required", "description"}}
    return {
        "description": says,
        "required": True,
        "content": {"application/json": {"schema": object_of, "example": example}},
    }


ACCOUNT_BODY = _json("What the account is to be.", _WANTED, example={"friendly_name": "Acme"})
PUT_BODY = _json(
    "What the account is to be. What is left out stays as it is.",
    {**_WANTED, **_KEEP},
    example={"friendly_name": "Acme", "auth_token": TOKEN},
)
KEY_BODY = _json("What the key may do.", _WANTED_KEY, example={"permissions": ["exports:read", "downloads:read"]})
