"""Request bodies: content types, and the reading of small ones, beyond their start only if the sender is authorized."""

from __future__ import annotations

import re
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from dayfile.api.auth import admitted
from dayfile.api.incoming import IncomingBody
from dayfile.errors import InvalidBody, TooLarge
from dayfile.model.strictjson import BYTE_ORDER_MARK
from dayfile.web.protocol import read_on

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
FORM_LIMIT_BYTES = 64 * 1024
FORM_SILENCE_SECONDS = 10.0

_OF_FORMS_ONLY: Final = frozenset({"text/plain", "multipart/form-data"})


async def read_form(request: Request) -> bytes:
    """Read a body that must be a form; raises InvalidBody for another content type, TooLarge beyond the limit."""
    _check_content_type(request)
    return await _read_bounded(request)


async def read_json(request: Request) -> bytes:
    """Read a body that must be JSON, without its byte order mark.

    Raises InvalidBody for another content type, TooLarge beyond the limit.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind.lower() != JSON:
        raise InvalidBody(f"The body must be a JSON object, so Content-Type must be {JSON}, not {kind[:80]!r}")
    _check_not_encoded(request)
    return (await _read_bounded(request)).removeprefix(BYTE_ORDER_MARK)


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


async def _read_bounded(request: Request) -> bytes:
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced[:20]) > FORM_LIMIT_BYTES:
        raise _too_large()
    body = IncomingBody(request)
    blocks = await body.start()
    if not body.is_whole:
        # Authenticate before reading on. Permissions are checked later, when the parameters are known.
        await run_in_threadpool(admitted, request)
        read_on(request.scope)
    while not body.is_whole:
        blocks.append(await body.next(silence_seconds=FORM_SILENCE_SECONDS))
        if body.size_bytes > FORM_LIMIT_BYTES:
            raise _too_large()
    return b"".join(blocks)


def _check_content_type(request: Request) -> None:
    given = request.headers.get("content-type", FORM)
    kind, _, rest = given.partition(";")
    if kind.strip().lower() != FORM:
        raise InvalidBody(f"The body must be a form, so Content-Type must be {FORM}, not {kind.strip()[:80]!r}")
    charset = re.search(r"charset\s*=\s*\"?([\w-]+)", rest, re.ASCII | re.IGNORECASE)
    if charset and charset[1].lower() not in {"utf-8", "utf8", "us-ascii"}:
        raise InvalidBody(f"The body must be a form in UTF-8, not in {charset[1][:40]}")
    _check_not_encoded(request)


def _check_not_encoded(request: Request) -> None:
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise InvalidBody("The body must be sent as it is, without Content-Encoding")


def _too_large() -> TooLarge:
    return TooLarge(f"The body must have at most {FORM_LIMIT_BYTES} bytes: no request here needs more")
