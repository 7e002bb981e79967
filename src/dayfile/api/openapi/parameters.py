"""Parameters of requests: in path, query, headers and form. Their limits are those that the code checks."""

from __future__ import annotations

from collections.abc import Mapping

from dayfile.api.jobs import LONGEST_NAME
from dayfile.api.openapi.operation import Node
from dayfile.api.openapi.schemas import DAY_PATTERN, JOB_SID, JOB_SID_PATTERN, RESOURCE_TYPE, day, text
from dayfile.api.paging import DEFAULT_SIZE, LARGEST_NUMBER, LARGEST_SIZE
from dayfile.api.params import LONGEST_URL, WEBHOOK_METHODS
from dayfile.model.email import LONGEST_EMAIL


def in_path(name: str, node: Node) -> Node:
    """Return a parameter in the path."""
    return _parameter(name, "path", node, is_required=True)


def in_query(name: str, node: Node) -> Node:
    """Return a parameter in the query; all of them are optional."""
    return _parameter(name, "query", node, is_required=False)


def in_head(name: str, node: Node) -> Node:
    """Return a request header; all documented ones are optional."""
    return _parameter(name, "header", node, is_required=False)


def _parameter(name: str, place: str, node: Node, *, is_required: bool) -> Node:
    kept = {key: value for key, value in node.items() if key not in {"description", "examples"}}
    example = {"example": node["examples"][0]} if "examples" in node else {}
    return {
        "name": name,
        "in": place,
        "description": node["description"],
        "required": is_required,
        "schema": kept,
        **example,
    }


RESOURCE_TYPE_IN_PATH = in_path(
    "ResourceType", {**RESOURCE_TYPE, "description": "The type of the records, spelled exactly like this."}
)
DAY_IN_PATH = in_path("Day", day("The UTC day, in the form yyyy-mm-dd."))
JOB_SID_IN_PATH = in_path(
    "JobSid",
    text(
        "The job's sid, from the answer that created it.", JOB_SID, minLength=34, maxLength=34, pattern=JOB_SID_PATTERN
    ),
)

PAGES = (
    in_query(
        "PageSize",
        {
            "type": "integer",
            "minimum": 1,
            "default": DEFAULT_SIZE,
            "description": f"How many items a page has at most. More than {LARGEST_SIZE} is as good as {LARGEST_SIZE}. "
            "Of several, the last counts.",
        },
    ),
    in_query(
        "Page",
        {
            "type": "integer",
            "minimum": 0,
            "maximum": LARGEST_NUMBER,
            "default": 0,
            "description": "The number of the page, from 0. Prefer next_page_url: counted pages shift while items come "
            "and go.",
        },
    ),
    in_query(
        "PageToken",
        {
            "type": "string",
            "pattern": "^[A-Za-z0-9_-]*$",
            "description": "Where the page begins: from next_page_url or previous_page_url of the list, unchanged.",
        },
    ),
)

_WEBHOOK_URL = {
    "maxLength": LONGEST_URL,
    "pattern": "^([Hh][Tt][Tt][Pp][Ss]?://[!-~]+)?$",
    "description": "Who is told when it is done: an absolute http or https URL. It leads to public addresses, has no "
    "user name in it, and port 80, 443, or one from 1024 on that is not known for another protocol.",
}
_WEBHOOK_METHOD = {"enum": [*WEBHOOK_METHODS, ""], "description": "How the webhook is called."}
_BOTH_OR_NONE = {"dependentRequired": {"WebhookUrl": ["WebhookMethod"], "WebhookMethod": ["WebhookUrl"]}}


def form(says: str, schema: Node, *, example: Mapping[str, object], is_required: bool) -> Node:
    """Return a request body that is form-urlencoded."""
    return {
        "description": says,
        "required": is_required,
        "content": {"application/x-www-form-urlencoded": {"schema": schema, "example": example}},
    }


JOB_FORM = form(
    "What the job is to export.",
    {
        "type": "object",
        "required": ["StartDay", "EndDay", "FriendlyName"],
        **_BOTH_OR_NONE,
        "properties": {
            "StartDay": {
                "type": "string",
                "format": "date",
                "pattern": DAY_PATTERN,
                "description": "The first day, UTC, yyyy-mm-dd. Not before 2010-01-01.",
            },
            "EndDay": {
                "type": "string",
                "format": "date",
                "pattern": DAY_PATTERN,
                "description": "The last day, included. At the latest two days before today, UTC.",
            },
            "FriendlyName": {
                "type": "string",
                "minLength": 1,
                "maxLength": LONGEST_NAME,
                "pattern": r"^[^\u0000]*$",
                "description": "Any name; the days that the job publishes are listed with it.",
            },
            "WebhookUrl": {"type": "string", **_WEBHOOK_URL},
            "WebhookMethod": {"type": "string", **_WEBHOOK_METHOD},
            "Email": {
                "type": "string",
                "pattern": r"^([!-?A-~]+@[!-?A-~]+)?$",
                "maxLength": LONGEST_EMAIL,
                "description": "Who is written to when it is done.",
            },
        },
    },
    example={"StartDay": "2026-10-01", "EndDay": "2026-10-02", "FriendlyName": "october"},
    is_required=True,
)

CONFIGURATION_FORM = form(
    "What is to change; what is not sent stays as it is.",
    {
        "type": "object",
        "properties": {
            "Enabled": {
                "type": "boolean",
                "description": "Whether each day's file is published by itself once the day is over.",
            },
            "WebhookUrl": {"type": "string", **_WEBHOOK_URL},
            "WebhookMethod": {"type": "string", **_WEBHOOK_METHOD},
        },
    },
    example={"Enabled": "true"},
    is_required=False,
)
