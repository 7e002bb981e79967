"""JSON responses: formatted as Twilio's, and the one body that all errors have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Final

from starlette.responses import Response

from dayfile.api.body import Body, ClosedBody
from dayfile.api.openapi.schema import JOB_SID, number, text, url

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False)


class ErrorBody(ClosedBody, frozen=True, kw_only=True):
    """The body of every failed request: exactly these four members."""

    code: Annotated[int, number("What is wrong; each code has a page.", 20404)]
    message: Annotated[
        str,
        text(
            "The problem in words. It names the parameter, the rule and the value where there is one.",
            f"The requested resource /v1/Exports/Jobs/{JOB_SID} was not found",
        ),
    ]
    more_info: Annotated[str, url("The page that explains the code.", "/errors/20404")]
    status: Annotated[int, number("The HTTP status.", 404, minimum=400, maximum=599)]


def json_response(body: Body, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a body as JSON, with a space after each colon and comma as in Twilio's responses."""
    return members_response(body.members(), status=status, headers=headers)


def members_response(
    members: Mapping[str, object], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return members that no class of a body can hold, such as figures of any name; otherwise as `json_response`."""
    encoded = _ENCODER.encode(members).encode()
    return Response(encoded, status_code=status, headers=headers, media_type="application/json")


def error_response(
    *, status: int, code: int, message: str, more_info: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an error response, which every Twilio client can parse."""
    body = ErrorBody(code=code, message=message, more_info=more_info, status=status)
    return json_response(body, status=status, headers=headers)
