"""Content types that are refused for records: those that only forms of browsers send.

Apart, because the rule is the browsers', and is tested without a server.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from dayfile.errors import InvalidBody

_OF_FORMS_ONLY: Final = frozenset({"text/plain", "multipart/form-data"})


def check_batch_type(request: Request) -> None:
    """Raise InvalidBody for a batch of records with a content type of a browser's text or file form.

    Any other type passes, as does none: the format of a batch is recognised from its bytes, and curl and urllib send
    everything as `application/x-www-form-urlencoded`.
    """
    for given in request.headers.getlist("content-type"):
        kind = given.partition(";")[0].strip().lower()
        if kind in _OF_FORMS_ONLY:
            raise InvalidBody(
                f"records must not be sent with Content-Type {kind}: send JSON lines as application/x-ndjson, a JSON "
                "array as application/json, or either without a Content-Type"
            )
