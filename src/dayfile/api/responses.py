"""JSON responses: formatted as Twilio's, and the one body that all errors have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Final

from starlette.responses import Response

from dayfile.api.body import Body, ClosedBody, json_text
from dayfile.api.openapi.schema import JOB_SID, number, text, url

_JSON: Final = (b"content-type", b"application/json")


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
    """Return a body as JSON."""
    return _response(body, status=status, headers=headers)


def list_response(*, meta: bytes, key: str, items: Iterable[bytes]) -> Response:
    """Return a page of a list as `json_response` would; its place in the list and its items are JSON already."""
    return _JsonResponse(b'{"meta": %b, "%b": [%b]}' % (meta, key.encode(), b", ".join(items)), 200)


def members_response(
    members: Mapping[str, object], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return members that no class of a body can hold, such as figures of any name; otherwise as `json_response`."""
    return _response(members, status=status, headers=headers)


class _JsonResponse(Response):
    """A response without headers of its own: Starlette would bring these two into their form for each."""

    def __init__(self, content: bytes, status: int) -> None:
        self.status_code = status
        self.background = None
        self.body = content
        self.raw_headers = [(b"content-length", b"%d" % len(content)), _JSON]


def _response(content: Body | Mapping[str, object], *, status: int, headers: Mapping[str, str] | None) -> Response:
    encoded = json_text(content)
    if headers:
        return Response(encoded, status_code=status, headers=headers, media_type="application/json")
    return _JsonResponse(encoded, status)


def error_response(
    *, status: int, code: int, message: str, more_info: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an error response, which every Twilio client can parse."""
    body = ErrorBody(code=code, message=message, more_info=more_info, status=status)
    return json_response(body, status=status, headers=headers)
