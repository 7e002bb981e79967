"""JSON responses: formatted as Twilio's, and the one body that all errors have."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.responses import Response

from dayfile.api.shapes import Body


def json_response(body: Body, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a body as JSON, with a space after each colon and comma as in Twilio's responses."""
    encoded = json.dumps(body, ensure_ascii=False).encode()
    return Response(encoded, status_code=status, headers=headers, media_type="application/json")


def error_response(
    *, status: int, code: int, message: str, more_info: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an error response with exactly these four members, which every Twilio client can parse."""
    body = {"code": code, "message": message, "more_info": more_info, "status": status}
    return json_response(body, status=status, headers=headers)
