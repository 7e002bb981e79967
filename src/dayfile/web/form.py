"""Small forms of pages: read whole, in the one encoding that the pages use.

Apart, because it is the same for any form of a page, and signing in is only the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from dayfile.errors import InvalidBody, TooLarge

_KIND: Final = "application/x-www-form-urlencoded"
_LIMIT_BYTES: Final = 4 * 1024
_MOST_FIELDS: Final = 20


async def read_page_form(request: Request, *, limit_bytes: int = _LIMIT_BYTES) -> Mapping[str, str]:
    """Return the fields of a form by name; of a repeated field, the last value.

    Raises InvalidBody for a body that is not such a form or has more than 20 fields, TooLarge beyond the limit.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _KIND:
        raise InvalidBody(f"The body must be a form, so Content-Type must be {_KIND}, not {kind[:80]!r}")
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > limit_bytes:
            raise TooLarge(f"The form is larger than {limit_bytes} bytes, which no page here sends")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict"))
    except ValueError as error:
        raise InvalidBody("The body must be a form of a few fields, percent-encoded in UTF-8") from error
