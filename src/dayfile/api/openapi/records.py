"""Operations of intake, for platforms. Dayfile's own."""

from __future__ import annotations

from dayfile.api.openapi.operation import Operation, account, answer, json_of, operator, schema
from dayfile.api.openapi.parameters import RESOURCE_TYPE_IN_PATH, in_head
from dayfile.api.openapi.schemas import text
from dayfile.model.credential import Permission, Scope

TAG = {
    "name": "Records",
    "description": "For the platform that sends records. This address is Dayfile's own.",
}

_LINE = (
    '{"sid": "SM0123456789abcdef0123456789abcdef", "account_sid": "AC0123456789abcdef0123456789abcdef", '
    '"date_created": "2026-10-01T10:00:00Z", "date_updated": "2026-10-01T10:00:03Z", "body": "hello"}\n'
)
_RECEIPT_OR_ERROR = {"anyOf": [schema("Receipt"), schema("Error")]}

OPERATIONS = (
    Operation(
        name="AcceptRecords",
        method="post",
        path="/v1/Records/{ResourceType}",
        tag=TAG["name"],
        summary="Send records",
        description="Take in one batch: JSON lines or one JSON array, plain or compressed, of any accounts and days. "
        "The answer comes when what it calls accepted is durable. A bad line never spoils its batch. It takes an "
        "operator's key with the scope `intake`; account credentials may send their own records where the operator "
        "allows it. Without an answer, or with 429 or 503, send the same again.",
        who=(operator(Scope.INTAKE), account(Permission.RECORDS_WRITE)),
        parameters=(
            RESOURCE_TYPE_IN_PATH,
            in_head(
                "Idempotency-Key",
                text(
                    "For a day, the same key and body get the same receipt.",
                    "batch-2026-10-01-17",
                    pattern="^[!-~]{1,255}$",
                ),
            ),
            in_head("Content-Encoding", text("How the body is compressed.", "gzip", enum=["gzip", "zstd", "identity"])),
        ),
        body={
            "description": "The batch. Its form is recognised from its first byte, whatever Content-Type says; "
            "`text/plain` and `multipart/form-data`, which forms of a browser can have, are refused, and "
            "so is a file of another kind, such as a zip file, as a whole. A byte order mark at its start is skipped.",
            "required": False,  # no body is an empty batch
            "content": {
                "application/x-ndjson": {"example": _LINE},
                "application/json": {"schema": {"type": "array", "items": schema("Record")}},
            },
        },
        answers={
            200: json_of("Receipt", says="At least one line was accepted, or there was none."),
            400: answer(
                says="Every line was rejected, and the receipt says why; or the request or its body cannot be read, "
                "and nothing of it was taken.",
                content={"application/json": {"schema": _RECEIPT_OR_ERROR}},
            ),
        },
        failures=(401, 403, 404, 409, 413, 429, 500, 503),
    ),
)
