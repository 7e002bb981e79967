"""Instructions for Schemathesis, which makes requests from the document and loads this module by itself.

A document cannot say everything that the code checks. Where a request is good by the document and is refused all the
same, the refusal must be one of REFUSALS, each of which has its reason; any other is a failure.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import schemathesis
from hypothesis import strategies as st
from schemathesis.core.failures import Failure
from schemathesis.specs.openapi.checks import positive_data_acceptance

from dayfile.model.day import Day, last_custom_day
from tests.support.clock import NOON

CHECK = "is_accepted_unless_a_rule_is_broken_that_no_schema_can_say"

SOME_DAYS = 21
"""So many days a job may lie over, up to the last one that is allowed: few enough to be sealed at once."""


class Refusal(NamedTuple):
    """An answer with 400 that a request may get although the document has nothing against it."""

    operation: str  # its method and path; a star stands for anything
    message: str  # a pattern
    reason: str


REFUSALS = (
    Refusal(
        "POST /v1/Exports/{ResourceType}/Jobs",
        r"EndDay must be at least two days before today|StartDay must not be before",
        "no schema knows what day it is, or compares dates",
    ),
    Refusal(
        "POST /v1/Exports/{ResourceType}/Jobs",
        r"StartDay must not be after EndDay",
        "no schema compares two members",
    ),
    Refusal(
        "POST /v1/Exports/{ResourceType}/Jobs",
        r"WebhookMethod must be given together with WebhookUrl|WebhookUrl must be given together with WebhookMethod",
        "that both are given is said; that an empty text is as good as none is not",
    ),
    Refusal(
        "POST /v1/Exports/{ResourceType}/Configuration",
        r"WebhookMethod must be given together with WebhookUrl|WebhookUrl must be given together with WebhookMethod",
        "the pair is checked after the change, and no schema knows what was there before",
    ),
    Refusal(
        "POST /v1/Exports/*",
        r"WebhookUrl must (?!be given)",
        "the pattern says the form; which of them have one reading, and where they lead, is beyond it",
    ),
    Refusal(
        "POST /v1/Exports/{ResourceType}/Jobs",
        r"Email must be one e-mail address",
        "the pattern says the form; which characters are allowed on each side is too much for it",
    ),
    Refusal(
        "POST /v1/Records/{ResourceType}",
        r"the body is not (gzip|zstd)|the (gzip|zstd) body is cut off|, not JSON lines or an array",
        "no schema ties the bytes of the body to a header",
    ),
    Refusal(
        "POST /v1/Records/{ResourceType}",
        r'"rejections": \[\{',
        "whose records they are, and what a line must have, is in docs/format.md: the answer is a receipt",
    ),
    Refusal(
        "GET *",
        r"Invalid PageToken",
        "only the server knows which tokens it gave",
    ),
)


@schemathesis.check
def is_accepted_unless_a_rule_is_broken_that_no_schema_can_say(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> bool | None:
    """As Schemathesis's own check, but for REFUSALS."""
    try:
        return positive_data_acceptance(ctx, response, case)
    except Failure:
        if any(_is(refusal, response, case) for refusal in REFUSALS):
            return None
        raise


def _is(refusal: Refusal, response: schemathesis.Response, case: schemathesis.Case[Any]) -> bool:
    # Not fnmatch: braces and brackets are part of the paths.
    start, star, end = refusal.operation.partition("*")
    label = case.operation.label
    is_here = label.startswith(start) and label.endswith(end) if star else label == start
    is_here = is_here and response.status_code == 400
    return is_here and re.search(refusal.message, response.text) is not None


def _days() -> st.SearchStrategy[str]:
    newest = last_custom_day(NOON).date
    return st.dates(min_value=(Day(newest) - SOME_DAYS).date, max_value=newest).map(str)


schemathesis.openapi.format("date", _days())


@schemathesis.serializer("application/x-ndjson")
def _as_it_is(ctx: schemathesis.SerializationContext, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
