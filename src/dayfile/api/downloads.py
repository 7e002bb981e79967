"""Day files by signed link: the link is the credential, whatever else comes with the request is not looked at.

The bytes behind a link never change, so a download that broke off goes on where it stopped (Range, If-Range). They are
streamed block by block, and opened before the first header is sent: what cannot be given is an error, not half a file.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dayfile.api.context import Context, context_of
from dayfile.api.exports import READ
from dayfile.api.ranges import Part, is_known, requested_part
from dayfile.api.urls import DOWNLOADS, Urls
from dayfile.errors import Corrupt, Forbidden, NotFound
from dayfile.files.links import EMPTY, ExpiredLink, Link
from dayfile.model.empty import EMPTY_FILE, EMPTY_SHA256

router = APIRouter()


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """What a link gives: the object that holds it, or none for the empty file."""

    key: str | None
    size_bytes: int
    sha256: str


@router.api_route(DOWNLOADS + "/{link:path}", methods=READ)
def download(request: Request, link: str) -> Response:
    """The file of a link, or the part of it that is asked for."""
    context = context_of(request)
    given = _check(context, link, request.scope["query_string"].decode("latin-1"))
    file = _find(context, given)
    etag = f'"{file.sha256}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-transform", "Accept-Ranges": "bytes"}
    if is_known(request.headers.get("if-none-match"), etag=etag):
        return Response(status_code=304, headers=headers)
    headers |= {
        "Content-Type": "application/gzip",
        "Content-Disposition": f'attachment; filename="{given.file_name}"',
        "Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(file.sha256)).decode()}:",
    }
    if request.method == "HEAD":
        _check_size(context, file)
        return Response(headers=headers | {"Content-Length": str(file.size_bytes)})
    part = requested_part(
        request.headers.get("range"), request.headers.get("if-range"), etag=etag, size_bytes=file.size_bytes
    )
    if part is None:
        part, status = Part(start=0, stop=file.size_bytes), 200
    else:
        headers["Content-Range"], status = part.content_range(file.size_bytes), 206
    headers["Content-Length"] = str(part.stop - part.start)
    return _Stream(_open(context, file, part), status=status, headers=headers)


def _check(context: Context, path: str, query: str) -> Link:
    try:
        return context.links.check(path, query, now=context.clock.now())
    except ExpiredLink as expired:
        again = Urls(context.public_url).day(expired.link.resource_type, expired.link.day)
        raise Forbidden(f"{expired} Fetch {again} with your credentials for a fresh one.") from expired


def _find(context: Context, link: Link) -> _File:
    gone = NotFound(f"The file behind this link was removed: fetch {link.resource_type} of {link.day} again.")
    if link.sealed_day_id == EMPTY:
        if not link.is_to(EMPTY_SHA256):  # another version of Dayfile gave it
            raise gone
        return _File(key=None, size_bytes=len(EMPTY_FILE), sha256=EMPTY_SHA256)
    with context.database.snapshot() as tx:
        try:
            sealed = tx.sealed_days.get(link.sealed_day_id)
        except NotFound as error:
            raise gone from error
    # A database restored from a backup gives numbers a second time, perhaps to a day of somebody else, or to another
    # revision of the same day.
    named = (link.account, link.resource_type, link.day)
    if (sealed.account, sealed.resource_type, sealed.day) != named or not link.is_to(sealed.sha256):
        raise gone
    return _File(key=sealed.key, size_bytes=sealed.size_bytes, sha256=sealed.sha256)


def _check_size(context: Context, file: _File) -> None:
    if file.key is None:
        return
    try:
        size_bytes = context.storage.size(file.key)
    except NotFound as error:
        raise Corrupt(f"the object {file.key} is published and is not in the storage") from error
    if size_bytes != file.size_bytes:
        raise Corrupt(f"the object {file.key} has {size_bytes} bytes and was sealed with {file.size_bytes}")


def _open(context: Context, file: _File, part: Part) -> Iterator[bytes]:
    if file.key is None:
        return iter([EMPTY_FILE[part.start : part.stop]])
    _check_size(context, file)
    try:
        return context.storage.read(file.key, start=part.start, stop=part.stop)
    except NotFound as error:
        raise Corrupt(f"the object {file.key} is published and is not in the storage") from error


class _Stream(Response):
    """Blocks as an answer: the next one is read when the client has taken the last, none after it has gone."""

    def __init__(self, blocks: Iterator[bytes], *, status: int, headers: Mapping[str, str]) -> None:
        self.status_code = status
        self.background = None
        self.init_headers(headers)
        self._blocks = blocks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_until_gone(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            while block := await run_in_threadpool(next, self._blocks, None):
                if gone.done():
                    raise ClientDisconnect
                await send({"type": "http.response.body", "body": block, "more_body": True})
                # Waits until the client has taken most of it: a second block would only be held meanwhile.
                await send({"type": "http.response.body", "body": b"", "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            if isinstance(self._blocks, Generator):
                await run_in_threadpool(self._blocks.close)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
