"""Operations of the OpenAPI document, and the tags that they are sorted by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from dayfile.api.body import Body
from dayfile.api.openapi.schema import Node
from dayfile.model.credential import Permission, Scope

ACCOUNT, OPERATOR = "accountSid_authToken", "operatorKey"
"""Names of the security schemes; the first is Twilio's."""


class Tag(NamedTuple):
    """A chapter of the document."""

    name: str
    description: str


EXPORTS: Final = Tag("Exports", "The days of an account: one gzip file of JSON lines per resource type and UTC day.")
JOBS: Final = Tag("Jobs", "A job publishes the days of a range, and its details show the status of each.")
FILES: Final = Tag("Files", "The file of a day, and its manifest. These addresses are Dayfile's own.")
NOTICES: Final = Tag(
    "Notices",
    "A notice tells a webhook or an e-mail address that a job is over or a daily file is there. It is tried until it "
    "arrives. These addresses are Dayfile's own.",
)
RECORDS: Final = Tag("Records", "For the platform that sends records. This address is Dayfile's own.")
ACCOUNTS: Final = Tag(
    "Accounts",
    "For the operator's platform: whose records there are, and who may ask for them. These addresses are Dayfile's "
    "own; their bodies are JSON, and a member that is not known is refused.",
)
SERVER: Final = Tag("Server", "About the server itself, for everybody. These addresses are Dayfile's own.")

TAGS: Final = (EXPORTS, JOBS, FILES, NOTICES, RECORDS, ACCOUNTS, SERVER)
"""In the order in which a reader needs them."""


def by_account(permission: Permission) -> Node:
    """Return the security of an operation for accounts; a restricted API key needs the permission."""
    return {ACCOUNT: [permission.value]}


def by_operator(scope: Scope) -> Node:
    """Return the security of an operation for operators' keys with the scope."""
    return {OPERATOR: [scope.value]}


@dataclass(frozen=True, slots=True)
class Answer:
    """A response of an operation: JSON of a body, or other content, or both, or none."""

    body: type[Body] | None = None
    says: str = field(kw_only=True)
    content: Node = field(default_factory=dict, kw_only=True)
    headers: Sequence[str] = field(default=(), kw_only=True)
    links: Mapping[str, Node] = field(default_factory=dict, kw_only=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A method of a path. Its texts are written from the client's point of view."""

    name: str  # Twilio's name, if the operation is Twilio's
    method: str
    path: str
    tag: Tag
    summary: str
    description: str
    who: Sequence[Node] = ()  # security: any one of these; empty: no credentials
    parameters: Sequence[Node] = ()
    body: Node | None = None
    answers: Mapping[int, Answer]  # responses of success, by status
    failures: Sequence[int] = ()  # statuses of the errors that it may return


def link(operation: str, *, says: str, **parameters: str) -> Node:
    """Return a link from a response to the operation that takes values from it."""
    return {"operationId": operation, "description": says, "parameters": parameters}
