"""Operations of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dayfile.model.credential import Permission, Scope

Node = Mapping[str, Any]
"""A JSON object in the document."""

ACCOUNT, OPERATOR = "accountSid_authToken", "operatorKey"
"""Names of the security schemes; the first is Twilio's."""


def account(permission: Permission) -> Node:
    """Return the security of an operation for accounts; a restricted API key needs the permission."""
    return {ACCOUNT: [permission.value]}


def operator(scope: Scope) -> Node:
    """Return the security of an operation for operators' keys with the scope."""
    return {OPERATOR: [scope.value]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A method of a path. Its texts are written from the client's point of view."""

    name: str  # Twilio's name, if the operation is Twilio's
    method: str
    path: str
    tag: str
    summary: str
    description: str
    who: Sequence[Node]  # security: any one of these; empty: no credentials
    parameters: Sequence[Node]
    body: Node | None = None
    answers: Mapping[int, Node]  # responses of success, by status
    failures: Sequence[int]  # statuses of the errors that it may return


def ref(kind: str, name: str) -> Node:
    """Return a reference to a component of the document."""
    return {"$ref": f"#/components/{kind}/{name}"}


def schema(name: str) -> Node:
    """Return a reference to a schema."""
    return ref("schemas", name)


def json_of(name: str, *, says: str, headers: Sequence[str] = (), links: Node | None = None) -> Node:
    """Return a response whose body is JSON of a named schema."""
    return answer(says=says, content={"application/json": {"schema": schema(name)}}, headers=headers, links=links)


def answer(*, says: str, content: Node | None = None, headers: Sequence[str] = (), links: Node | None = None) -> Node:
    """Return a response, with the two headers that every response has: request id and duration."""
    named = ("Twilio-Request-Id", "Twilio-Request-Duration", *headers)
    return {
        "description": says,
        "headers": {name: ref("headers", name) for name in named},
        **({"content": content} if content else {}),
        **({"links": links} if links else {}),
    }


def link(operation: str, *, says: str, **parameters: str) -> Node:
    """Return a link from a response to the operation that takes values from it."""
    return {"operationId": operation, "description": says, "parameters": parameters}
