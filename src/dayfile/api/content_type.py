"""The content types that no platform sends records with, and that forms of a browser can have."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from dayfile.errors import InvalidBody

_OF_FORMS_ONLY: Final = frozenset({"text/plain", "multipart/form-data"})


def check_batch_type(request: Request) -> None:
    """Raise InvalidBody for a batch of records that is sent as a browser's form sends text or files.

    Any other type passes, and none at all: the form of a batch is recognised from its bytes, and curl and urllib say
    `application/x-www-form-urlencoded` of everything.
    """
    for given in request.headers.getlist("content-type"):
        kind = given.partition(";")[0].strip().lower()
        if kind in _OF_FORMS_ONLY:
            raise InvalidBody(
                f"records must not be sent with Content-Type {kind}: send JSON lines as application/x-ndjson, a JSON "
                "array as application/json, or either without a Content-Type"
            )
