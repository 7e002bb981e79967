"""Operations on accounts and their keys, for the operator. Dayfile's own."""

from __future__ import annotations

from dayfile.api.openapi.account_schemas import (
    ACCOUNT_BODY,
    GIVEN_ACCOUNT_SID_PATTERN,
    KEY_BODY,
    KEY_SID,
    PUT_BODY,
)
from dayfile.api.openapi.operation import Operation, account, answer, json_of, link, operator
from dayfile.api.openapi.parameters import PAGES, in_path
from dayfile.api.openapi.schemas import ACCOUNT_SID, text
from dayfile.model.credential import Permission, Scope

TAG = {
    "name": "Accounts",
    "description": "For the operator's platform: whose records there are, and who may ask for them. These addresses "
    "are Dayfile's own; their bodies are JSON, and a member that is not known is refused.",
}

_SID = in_path("AccountSid", text("The account's sid.", ACCOUNT_SID, pattern=GIVEN_ACCOUNT_SID_PATTERN))
_KEY_SID = in_path("KeySid", text("The key's sid.", KEY_SID))
_OPERATOR = (operator(Scope.ACCOUNTS),)
_OPERATOR_OR_OWNER = (operator(Scope.ACCOUNTS), account(Permission.KEYS_WRITE))

OPERATIONS = (
    Operation(
        name="CreateAccount",
        method="post",
        path="/v1/Accounts",
        tag=TAG["name"],
        summary="Create an account",
        description="Make an account. Sent again, it makes another one: a PUT may be sent again.",
        who=_OPERATOR,
        parameters=(),
        body=ACCOUNT_BODY,
        answers={
            201: json_of(
                "NewAccount",
                says="The account, with its token.",
                headers=("Location",),
                links={"FetchAccount": link("FetchAccount", says="See it.", AccountSid="$response.body#/account_sid")},
            )
        },
        failures=(400, 401, 403, 413, 429, 500, 503),
    ),
    Operation(
        name="ListAccount",
        method="get",
        path="/v1/Accounts",
        tag=TAG["name"],
        summary="List accounts",
        description="All accounts, closed ones too, in the order of their sids.",
        who=_OPERATOR,
        parameters=PAGES,
        answers={200: json_of("AccountList", says="One page of them.")},
        failures=(400, 401, 403, 429, 500, 503),
    ),
    Operation(
        name="FetchAccount",
        method="get",
        path="/v1/Accounts/{AccountSid}",
        tag=TAG["name"],
        summary="Fetch an account",
        description="One account. Its token is not shown.",
        who=_OPERATOR,
        parameters=(_SID,),
        answers={200: json_of("Account", says="The account.")},
        failures=(400, 401, 403, 404, 429, 500, 503),
    ),
    Operation(
        name="PutAccount",
        method="put",
        path="/v1/Accounts/{AccountSid}",
        tag=TAG["name"],
        summary="Create or change an account",
        description="Make the account so. It may be sent until it is answered: sent again, it changes nothing.",
        who=_OPERATOR,
        parameters=(_SID,),
        body=PUT_BODY,
        answers={
            200: json_of("Account", says="The account as it is now."),
            201: json_of("NewAccount", says="It was not there; it is now, with its token.", headers=("Location",)),
        },
        failures=(400, 401, 403, 409, 413, 429, 500, 503),
    ),
    Operation(
        name="CloseAccount",
        method="delete",
        path="/v1/Accounts/{AccountSid}",
        tag=TAG["name"],
        summary="Close an account",
        description="End an account for good: its credentials and keys open nothing any more, its records stay. It is "
        "refused while there are subaccounts that are not closed.",
        who=_OPERATOR,
        parameters=(_SID,),
        answers={204: answer(says="It is closed.")},
        failures=(400, 401, 403, 404, 409, 429, 500, 503),
    ),
    Operation(
        name="CreateKey",
        method="post",
        path="/v1/Accounts/{AccountSid}/Keys",
        tag=TAG["name"],
        summary="Create an API key",
        description="Make a key of an account: of any, with an operator's key; of one's own, with the auth token or a "
        "main key.",
        who=_OPERATOR_OR_OWNER,
        parameters=(_SID,),
        body=KEY_BODY,
        answers={
            201: json_of(
                "NewKey",
                says="The key, with its secret.",
                links={
                    "RevokeKey": link(
                        "RevokeKey", says="End it.", AccountSid="$request.path.AccountSid", KeySid="$response.body#/sid"
                    )
                },
            )
        },
        failures=(400, 401, 403, 404, 409, 413, 429, 500, 503),
    ),
    Operation(
        name="ListKey",
        method="get",
        path="/v1/Accounts/{AccountSid}/Keys",
        tag=TAG["name"],
        summary="List API keys",
        description="All keys of an account, oldest first, revoked ones too.",
        who=_OPERATOR_OR_OWNER,
        parameters=(_SID,),
        answers={200: json_of("KeyList", says="The keys.")},
        failures=(400, 401, 403, 404, 429, 500, 503),
    ),
    Operation(
        name="RevokeKey",
        method="delete",
        path="/v1/Accounts/{AccountSid}/Keys/{KeySid}",
        tag=TAG["name"],
        summary="Revoke an API key",
        description="From now on the key opens nothing. It stays on the list, and revoking it again changes nothing.",
        who=_OPERATOR_OR_OWNER,
        parameters=(_SID, _KEY_SID),
        answers={204: answer(says="It is revoked.")},
        failures=(400, 401, 403, 404, 429, 500, 503),
    ),
)
