"""The response body of intake: a receipt.

Apart, because `records.py` is about the way of a batch into intake.
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from dayfile.api.body import Body
from dayfile.api.openapi.schema import ACCOUNT_SID, Node, node_of, number, text
from dayfile.model.receipt import LISTED_REJECTIONS, Receipt

RECORD: Final[Node] = {
    "type": "object",
    "description": "A record as the REST API or an export has it. It needs these three members and the sids that "
    "identify it, and may have any others; docs/format.md says what becomes of those.",
    "required": ["account_sid", "date_created", "date_updated"],
    "properties": {
        "account_sid": node_of(text("Whose record it is.", ACCOUNT_SID)),
        "date_created": node_of(text("When the record was created, which decides its day.", "2026-10-01T10:00:00Z")),
        "date_updated": node_of(
            text("When the record was last changed: of two versions, the later one counts.", "2026-10-01T10:00:03Z")
        ),
        "sid": node_of(text("Names a message, call or conference.", "SM0123456789abcdef0123456789abcdef")),
    },
}
"""The schema of a record: not derived, since intake reads records without a class."""


class RejectedLine(Body, frozen=True, kw_only=True):
    """A line that was not accepted."""

    line: Annotated[int, number("The number of the line, from 1.", 17, minimum=1)]
    field: Annotated[str, text("The field that breaks a rule; null for the whole line.", "date_created")] | None
    reason: Annotated[str, text("The rule that is broken.", "must be given")]


class ReceiptBody(Body, frozen=True, kw_only=True):
    """The receipt of a batch, given once all accepted lines are durable."""

    sid: Annotated[str, text("The receipt's sid.", "RC0123456789abcdef0123456789abcdef", pattern="^RC[0-9a-f]{32}$")]
    accepted: Annotated[int, number("The number of accepted lines.", 1000, minimum=0)]
    rejected: Annotated[
        int, number("The number of rejected lines. They are kept, and can be tried again.", 1, minimum=0)
    ]
    rejections: Annotated[
        list[RejectedLine],
        Meta(
            description=f"The first {LISTED_REJECTIONS} rejected lines.",
            extra_json_schema={"maxItems": LISTED_REJECTIONS},
        ),
    ]

    @classmethod
    def of(cls, receipt: Receipt) -> ReceiptBody:
        """Return a receipt with the lines that it lists."""
        return cls(
            sid=receipt.sid,
            accepted=receipt.accepted,
            rejected=receipt.rejected,
            rejections=[
                RejectedLine(line=refusal.line_number, field=refusal.field, reason=refusal.reason)
                for refusal in receipt.refusals
            ],
        )
