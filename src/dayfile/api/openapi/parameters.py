"""Parameters of requests: in path, query and headers, and forms. Their limits are those that the code checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Meta

from dayfile.api.openapi.schema import (
    JOB_SID,
    JOB_SID_PATTERN,
    Node,
    day,
    node_of,
    number,
    resource_type,
    text,
)
from dayfile.api.paging import DEFAULT_SIZE, LARGEST_NUMBER, LARGEST_SIZE
from dayfile.web.params import LONGEST_URL, WEBHOOK_METHODS


def in_path(name: str, meta: Meta) -> Node:
    """Return a parameter in the path."""
    return _parameter(name, "path", meta, is_required=True)


def in_query(name: str, meta: Meta) -> Node:
    """Return a parameter in the query; all of them are optional."""
    return _parameter(name, "query", meta, is_required=False)


def in_head(name: str, meta: Meta) -> Node:
    """Return a request header; all documented ones are optional."""
    return _parameter(name, "header", meta, is_required=False)


def _parameter(name: str, place: str, meta: Meta, *, is_required: bool) -> Node:
    node = node_of(meta)
    return {
        "name": name,
        "in": place,
        "description": node["description"],
        "required": is_required,
        "schema": {key: value for key, value in node.items() if key not in {"description", "examples"}},
        **({"example": node["examples"][0]} if "examples" in node else {}),
    }


RESOURCE_TYPE_IN_PATH: Final = in_path(
    "ResourceType", resource_type("The type of the records, spelled exactly like this.")
)
DAY_IN_PATH: Final = in_path("Day", day("The UTC day, in the form yyyy-mm-dd."))
JOB_SID_IN_PATH: Final = in_path(
    "JobSid",
    text(
        "The job's sid, from the answer that created it.", JOB_SID, minLength=34, maxLength=34, pattern=JOB_SID_PATTERN
    ),
)

PAGES: Final = (
    in_query(
        "PageSize",
        number(
            f"How many items a page has at most. A larger number than {LARGEST_SIZE} counts as {LARGEST_SIZE}. If it "
            "is sent several times, the last one counts.",
            minimum=1,
            default=DEFAULT_SIZE,
        ),
    ),
    in_query(
        "Page",
        number(
            "The number of the page, from 0. Prefer next_page_url: counted pages shift while items come and go.",
            minimum=0,
            maximum=LARGEST_NUMBER,
            default=0,
        ),
    ),
    in_query(
        "PageToken",
        text(
            "Where the page begins: from next_page_url or previous_page_url of the list, unchanged.",
            pattern="^[A-Za-z0-9_-]*$",
        ),
    ),
)

WEBHOOK_FIELDS: Final[Mapping[str, Node]] = {
    "WebhookUrl": {
        "type": "string",
        "maxLength": LONGEST_URL,
        "pattern": "^([Hh][Tt][Tt][Pp][Ss]?://[!-~]+)?$",
        "description": "The URL to call when it is done: absolute, http or https, without a user name. It must lead "
        "to a public address, on port 80, 443, or a port from 1024 on that is not known for another protocol.",
    },
    "WebhookMethod": {
        "type": "string",
        "enum": [*WEBHOOK_METHODS, ""],
        "description": "How the webhook is called.",
    },
}
"""Fields of the forms that name a webhook."""


def form_body(says: str, schema: Node, *, example: Node, is_required: bool) -> Node:
    """Return a request body that is form-urlencoded."""
    return {
        "description": says,
        "required": is_required,
        "content": {"application/x-www-form-urlencoded": {"schema": {"type": "object", **schema}, "example": example}},
    }


def json_body(says: str, members: Mapping[str, Node], *, example: Node) -> Node:
    """Return a request body that is a JSON object of these members and no others, none of them required."""
    schema = {"type": "object", "properties": members, "additionalProperties": False}
    return {
        "description": says,
        "required": True,
        "content": {"application/json": {"schema": schema, "example": example}},
    }
