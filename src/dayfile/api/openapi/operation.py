"""One thing that clients can ask for, as the document tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dayfile.model.credential import Permission, Scope

Node = Mapping[str, Any]
"""A part of the document."""

ACCOUNT, OPERATOR = "accountSid_authToken", "operatorKey"
"""Whose credentials a request may bring; the names of the security schemes, the first of which is Twilio's."""


def account(permission: Permission) -> Node:
    """Credentials of an account; a restricted API key needs the permission."""
    return {ACCOUNT: [permission.value]}


def operator(scope: Scope) -> Node:
    """An operator's key with the scope."""
    return {OPERATOR: [scope.value]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A method of an address. Everything in it is said in the words of whoever calls, not of whoever answers."""

    name: str  # Twilio's, where the operation is Twilio's
    method: str
    path: str
    tag: str
    summary: str
    description: str
    who: Sequence[Node]  # whose credentials it takes, any of them; none at all where it is empty
    parameters: Sequence[Node]
    body: Node | None = None
    answers: Mapping[int, Node]  # what may come back when all is well, by status
    failures: Sequence[int]  # the statuses of the errors that it may answer with


def ref(kind: str, name: str) -> Node:
    """A reference to a named part of the document."""
    return {"$ref": f"#/components/{kind}/{name}"}


def schema(name: str) -> Node:
    """A reference to a schema."""
    return ref("schemas", name)


def json_of(name: str, *, says: str, headers: Sequence[str] = (), links: Node | None = None) -> Node:
    """An answer whose body is JSON of a named schema."""
    return answer(says=says, content={"application/json": {"schema": schema(name)}}, headers=headers, links=links)


def answer(*, says: str, content: Node | None = None, headers: Sequence[str] = (), links: Node | None = None) -> Node:
    """An answer; each has the two headers by which it can be found again."""
    named = ("Twilio-Request-Id", "Twilio-Request-Duration", *headers)
    return {
        "description": says,
        "headers": {name: ref("headers", name) for name in named},
        **({"content": content} if content else {}),
        **({"links": links} if links else {}),
    }


def link(operation: str, *, says: str, **parameters: str) -> Node:
    """How to go on from an answer: which operation takes which values from it."""
    return {"operationId": operation, "description": says, "parameters": parameters}
