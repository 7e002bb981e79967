"""The OpenAPI document: every operation for clients, below one public base URL.

It is OpenAPI 3.1, not 3.0, whose schemas cannot say that two parameters go together or that a member may be null. It
is a promise, so its descriptions are written beside the routes and bodies that they describe; tests compare it with
the published specification of the API, and with the responses of a running server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from msgspec import Meta

from dayfile.api.error_table import BUG, ERRORS, rows_with
from dayfile.api.openapi.operation import ACCOUNT, OPERATOR, TAGS, Answer, Operation
from dayfile.api.openapi.schema import SHA256, Node, node_of, ref, schema_of, schemas_of, text
from dayfile.api.receipts import RECORD
from dayfile.api.responses import ErrorBody

VERSION = "1.52.0"
"""Version of Twilio's published specification that is implemented; Dayfile's own is not disclosed to clients."""

_FILE_NAME = "AC00000000000000000000000000000000-Messages-2026-10-01.json.gz"

_DESCRIPTION = """\
Every account gets its communications logs as files: one gzip file of JSON lines per resource type and UTC day. A \
job publishes the days of a range; each day then has a link to its file. The addresses under `Exports` and `Jobs` \
are those of Twilio's BulkExports API, so that its libraries need another base URL and no other change.

**Credentials.** HTTP Basic: an account sid (`AC...`) with its auth token, or the sid of an API key (`SK...`) with \
its secret. They decide which account a request is about; a subaccount has credentials of its own. Wrong ones are \
answered with a growing delay, up to 8 seconds, or with 429 while too many such answers are being delayed; right \
ones are answered at once.

**Requests.** Parameters of a `POST` are sent as a form in UTF-8, except under `Accounts`, where bodies are JSON. \
Names and resource types are spelled exactly as here. Unknown parameters are ignored; a known one that is given \
twice is refused. A slash at the end of an address is accepted, and wherever there is `GET`, there is `HEAD`.

**Lists** come in pages. Follow `meta.next_page_url` until it is null: every item is listed once, even if others are \
added or removed meanwhile.

**Errors** all have the same four members. `code` says what is wrong, `message` says it in words, `more_info` leads \
to a page about the code. After a 429 or 503, and wherever there is `Retry-After`, send the same request again. A \
method that an address does not support gets 405, with the supported ones in `Allow`.

**Every answer** has `Twilio-Request-Id`, by which the operator finds it in the log. Scripts of other sites may read \
everything under `/v1/`, with credentials that they hold themselves; in a browser, only pages of this server may \
write."""

_HEADERS: Mapping[str, Meta] = {
    "Twilio-Request-Id": text(
        "Names the request in the log.", "RQ0123456789abcdef0123456789abcdef", pattern="^RQ[0-9a-f]{32}$"
    ),
    "Twilio-Request-Duration": text("Seconds until the answer began.", "0.008", pattern=r"^[0-9]+\.[0-9]{3}$"),
    "Location": text("The same address as in the body.", "http://localhost:8080/v1/Downloads/...", format="uri"),
    "Twilio-Concurrent-Requests": text(
        "The number of requests of the account in progress, this one included.", "1", pattern="^[1-9][0-9]*$"
    ),
    "Retry-After": text("Seconds to wait before the same request is sent again.", "5", pattern="^[0-9]+$"),
    "WWW-Authenticate": text(
        "The credentials to send. Browsers do not get this header.", 'Basic realm="Dayfile", charset="UTF-8"'
    ),
    "ETag": text("Identifies the bytes of the file.", f'"{SHA256}"'),
    "Content-Disposition": text("The suggested name of the file.", f'attachment; filename="{_FILE_NAME}"'),
    "Content-Range": text(
        "The range of bytes in this answer, and the size of the file.", "bytes 1000000-1856999/1857000"
    ),
    "Accept-Ranges": text("Range requests are supported.", "bytes"),
    "Repr-Digest": text("The SHA-256 of the file.", "sha-256=:n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=:"),
}
_REQUIRED_HEADERS = ("Twilio-Request-Id", "Twilio-Request-Duration")
_FAILURE_HEADERS: Mapping[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    409: ("Retry-After",),
    416: ("Content-Range",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}


def create_document(public_url: str, operations: Sequence[Operation]) -> Node:
    """Return the document of the server that clients reach at `public_url`, with these operations in this order."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Dayfile",
            "summary": "Bulk export of communications logs",
            "description": _DESCRIPTION,
            "version": VERSION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url}],
        "tags": [tag._asdict() for tag in TAGS],
        "paths": _paths(operations),
        "components": {
            "schemas": _schemas(operations),
            "responses": {name: _failure(status) for status, name in FAILURES.items()},
            "headers": {name: _header(name, node_of(meta)) for name, meta in _HEADERS.items()},
            "securitySchemes": {
                ACCOUNT: {
                    "type": "http",
                    "scheme": "basic",
                    "description": "An account sid with its auth token, or an API key's sid with its secret.",
                },
                OPERATOR: {
                    "type": "http",
                    "scheme": "basic",
                    "description": "The sid of an operator's key with its secret.",
                },
            },
        },
    }


def _schemas(operations: Sequence[Operation]) -> Node:
    bodies = [answer.body for operation in operations for answer in operation.answers.values() if answer.body]
    # A record is no body of ours: it is what senders have, and intake reads it without a class.
    return {**schemas_of([*bodies, ErrorBody]), "Record": RECORD}


def _paths(operations: Sequence[Operation]) -> Node:
    paths: dict[str, dict[str, Node]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return paths


def _operation(operation: Operation) -> Node:
    answers = {status: _answer(answer) for status, answer in operation.answers.items()}
    answers |= {status: ref("responses", FAILURES[status]) for status in operation.failures}
    return {
        "operationId": operation.name,
        "tags": [operation.tag.name],
        "summary": operation.summary,
        "description": operation.description,
        "security": list(operation.who),
        "parameters": list(operation.parameters),
        **({"requestBody": operation.body} if operation.body else {}),
        "responses": {str(status): answers[status] for status in sorted(answers)},
    }


def _answer(answer: Answer) -> Node:
    content = {"application/json": {"schema": schema_of(answer.body)}} if answer.body else {}
    content |= answer.content
    return {
        "description": answer.says,
        "headers": {name: ref("headers", name) for name in (*_REQUIRED_HEADERS, *answer.headers)},
        **({"content": content} if content else {}),
        **({"links": answer.links} if answer.links else {}),
    }


def _names_of_failures() -> Mapping[int, str]:
    """Return a name for each status of an error: that of the first error that has it."""
    names: dict[int, str] = {}
    for row in ERRORS:
        names.setdefault(row.status, row.kind.__name__)
    return names | {BUG.status: "InternalError"}


FAILURES = _names_of_failures()


def _failure(status: int) -> Node:
    explained = [f"- `{row.code}` {row.title}. {row.happened}" for row in rows_with(status)]
    says = "\n".join((HTTPStatus(status).phrase, "", *explained))
    return _answer(Answer(ErrorBody, says=says, headers=_FAILURE_HEADERS.get(status, ())))


def _header(name: str, node: Node) -> Node:
    rules = {key: value for key, value in node.items() if key not in {"description", "examples"}}
    return {
        "description": node["description"],
        "required": name in _REQUIRED_HEADERS,
        "schema": rules,
        "example": node["examples"][0],
    }
