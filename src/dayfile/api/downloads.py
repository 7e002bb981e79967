"""Downloads of day files by presigned link. The link is the only credential; any others are ignored.

The bytes behind a link never change, so an interrupted download can be resumed (Range, If-Range). Files are streamed
block by block, and opened before the headers are sent: a file that cannot be read is an error, not half a file.
A damaged file is not sent: see `objects/file_reader.py`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from dayfile.api.context import Context, context_of
from dayfile.api.in_loop import InLoop
from dayfile.api.memory_room import MemoryRoom
from dayfile.api.micro_batches import MicroBatches
from dayfile.api.openapi.operation import FILES, Answer, Operation
from dayfile.api.openapi.parameters import in_head, in_path, in_query
from dayfile.api.openapi.schema import SHA256, Node, text
from dayfile.api.ranges import Part, is_known, requested_part
from dayfile.api.readings import outcome
from dayfile.api.remembered_files import RememberedFiles, remembered_files_of
from dayfile.api.routes import Routes
from dayfile.clock import Clock
from dayfile.errors import DamagedObject, Forbidden, NotFound
from dayfile.files.checked_read import HASHED_FIRST_BYTES
from dayfile.files.links import EMPTY, ExpiredLink, Link
from dayfile.files.network_disk import network_file_system
from dayfile.model.empty import EMPTY_FILE, EMPTY_SHA256
from dayfile.model.export import SealedDay
from dayfile.objects.file_reader import FileReader
from dayfile.objects.layout import saved_as
from dayfile.store.database import Database
from dayfile.web.file_answer import SMALL_BYTES, FileAnswer
from dayfile.web.urls import Urls

WHOLE_BYTES = 8 * 1024 * 1024
"""Largest file, or part of one, that is read whole before it is sent, as long as there is memory."""

IN_LOOP_BYTES: Final = SMALL_BYTES
"""Largest file that the event loop reads itself, if it is on a disk of this machine."""

MEMORY_BYTES = 256 * 1024 * 1024
"""Limit of the memory for such files."""

MOST_AT_ONCE: Final = 8
"""Limit of downloads that one thread begins together: the first of them waits until the last has begun."""

THREADS: Final = 4
"""Threads that begin downloads."""

Downloads = MicroBatches[tuple[Request, Link], Response]

routes = Routes()

_GZIP: Final[Node] = {"application/gzip": {}}
_CONDITIONS: Final = frozenset(
    {b"range", b"if-range", b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since"}
)
_RANGES: Final = (b"accept-ranges", b"bytes")
_USUAL: Final = ((b"content-type", b"application/gzip"), (b"cache-control", b"private, no-transform"))
_FILE_HEADERS: Final = ("ETag", "Content-Disposition", "Repr-Digest", "Accept-Ranges")


class _File(msgspec.Struct, frozen=True, kw_only=True):
    """The file behind a link: that of a sealed day, or None for the empty file."""

    sealed: SealedDay | None
    size_bytes: int
    sha256: str


@routes.add(
    Operation(
        name="Download",
        method="get",
        path="/v1/Downloads/{Link}",
        tag=FILES,
        summary="Download a file",
        description="The file that a link from `FetchDay` leads to: gzip, with one JSON object per line. Use the link "
        "unchanged: it contains slashes, and is the only credential that is needed. Resume an interrupted download "
        "with `Range` and `If-Range`.",
        parameters=(
            in_path("Link", text("The path of the link after /v1/Downloads/.", "daily/day=2026-10-01/...")),
            *(
                in_query(name, text("As it is in the link; in any order."))
                for name in ("SealedDay", "File", "Expires", "Signature")
            ),
            in_head("Range", text("The part that is wanted: one range of bytes.", "bytes=1000000-")),
            in_head("If-Range", text("The ETag of the file that the part must belong to.", f'"{SHA256}"')),
            in_head("If-None-Match", text("The ETag of the file that is there already.", f'"{SHA256}"')),
        ),
        answers={
            200: Answer(says="The file.", content=_GZIP, headers=_FILE_HEADERS),
            206: Answer(says="The part.", content=_GZIP, headers=(*_FILE_HEADERS, "Content-Range")),
            304: Answer(says="It is the file that is there already.", headers=("ETag",)),
        },
        failures=(400, 403, 404, 416, 500, 503),
    ),
)
async def download(request: Request, link: str) -> Response:
    """Send the file of a link, or the requested range of it."""
    given = _check_link(context_of(request), link, request.scope["query_string"].decode("latin-1"))
    if given.sealed_day_id == EMPTY:
        return _respond(request, given, _empty(given), reader=_reader(context_of(request)))
    at_once: DownloadsAtOnce | None = request.app.state.downloads_at_once
    if at_once is not None and (answered := at_once.answer(request, given)) is not None:
        return answered
    in_loop: DownloadsInLoop | None = request.app.state.downloads_in_loop
    if in_loop is not None:
        response = await in_loop.answer(request, given)
        if response is not None:
            return response
    downloads: Downloads = request.app.state.downloads
    return await downloads.ask((request, given))


def make_downloads(context: Context) -> Downloads:
    """Return the queue of downloads of one app, apart from others, so that a slow disk holds up no others."""
    is_here = context.database.file is not None and _is_on_disk_here(context)
    in_loop = InLoop(_respond_if_small, clock=context.clock).try_work if is_here else None
    return MicroBatches(_respond_to_all, name="download", most=MOST_AT_ONCE, threads=THREADS, try_in_loop=in_loop)


class DownloadsAtOnce:
    """Downloads of small files whose rows are remembered, begun by the event loop as soon as they are asked for."""

    def __init__(self, context: Context, remembered: RememberedFiles) -> None:
        self._clock = context.clock
        self._remembered = remembered
        self._reader = _reader(context, is_quick=True)
        self._reads = InLoop(self._respond, clock=context.clock)

    def answer(self, request: Request, given: Link) -> Response | None:
        """Return the response; None if the download is for others. Raises NotFound, StorageUnavailable."""
        sealed = self._remembered.find(given.sealed_day_id, now=self._clock.monotonic())
        if sealed is None or sealed.size_bytes > IN_LOOP_BYTES:
            return None
        return self._reads.try_work([(request, given, _named(sealed, given))])

    def _respond(self, asked: Sequence[tuple[Request, Link, _File]]) -> Response | None:
        [(request, given, file)] = asked
        try:
            return _respond(request, given, file, reader=self._reader)
        except DamagedObject:  # perhaps it has moved; a thread looks that up, and records damage
            return None


def make_downloads_at_once(context: Context, remembered: RememberedFiles) -> DownloadsAtOnce | None:
    """Return what begins downloads of one app at once; None if its files are not on a disk of this machine."""
    return DownloadsAtOnce(context, remembered) if _is_on_disk_here(context) else None


class DownloadsInLoop:
    """Downloads of small files that the event loop begins by itself, though their rows are on PostgreSQL."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._reads = InLoop(_respond_to_found, clock=clock)

    async def answer(self, request: Request, given: Link) -> Response | None:
        """Return the response; None if the download is for a thread."""
        return await self._database.read_in_loop(partial(self._answer, request, given))

    def _answer(self, request: Request, given: Link) -> Response | None:
        file = _find(request, given, began=context_of(request).clock.monotonic())
        responses = self._reads.try_work([(request, given, file)])
        if responses is None:
            return None
        [response] = responses
        if isinstance(response, Exception):
            raise response
        return response


def make_downloads_in_loop(context: Context) -> DownloadsInLoop | None:
    """Return what begins downloads in the event loop of one app; None where that waits for something else than rows."""
    database = context.database
    if not database.is_asked_by_loops or not _is_on_disk_here(context):
        return None
    return DownloadsInLoop(database, clock=context.clock)


def _is_on_disk_here(context: Context) -> bool:
    folder = context.objects_folder
    return folder is not None and network_file_system(folder) is None


def _respond_to_all(asked: Sequence[tuple[Request, Link]]) -> list[Response | Exception]:
    return _respond_each(asked, _find_all(asked), reader=_reader(context_of(asked[0][0])))


def _respond_if_small(asked: Sequence[tuple[Request, Link]]) -> list[Response | Exception] | None:
    """Return None if one of the files belongs in a thread."""
    return _respond_to_found([(*one, file) for one, file in zip(asked, _find_all(asked), strict=True)])


def _respond_to_found(found: Sequence[tuple[Request, Link, _File | Exception]]) -> list[Response | Exception] | None:
    """Return None if one of the files belongs in a thread: it is read for long, or cannot be read as it should be.

    A thread looks that up and reads it again, and records damage: the commit may have to wait for those of others.
    """
    if any(isinstance(file, _File) and file.size_bytes > IN_LOOP_BYTES for _, _, file in found):
        return None
    asked, files = [(request, given) for request, given, _ in found], [file for _, _, file in found]
    responses = _respond_each(asked, files, reader=_reader(context_of(asked[0][0]), is_quick=True))
    return None if any(isinstance(one, DamagedObject) for one in responses) else responses


def _find_all(asked: Sequence[tuple[Request, Link]]) -> list[_File | Exception]:
    context = context_of(asked[0][0])
    began = context.clock.monotonic()
    with context.database.shared_snapshot():
        return [outcome(request, partial(_find, request, given, began=began)) for request, given in asked]


def _respond_each(
    asked: Sequence[tuple[Request, Link]], found: Sequence[_File | Exception], *, reader: FileReader
) -> list[Response | Exception]:
    return [
        outcome(request, partial(_respond, request, given, file, reader=reader)) if isinstance(file, _File) else file
        for (request, given), file in zip(asked, found, strict=True)
    ]


def _respond(request: Request, given: Link, file: _File, *, reader: FileReader) -> FileAnswer:
    etag, asked = f'"{file.sha256}"', _conditions(request)
    headers = [(b"etag", etag.encode()), *_USUAL]
    if asked and is_known(asked.get(b"if-none-match"), etag=etag):
        return FileAnswer((), status=304, headers=[*headers, _RANGES])
    name = saved_as(given.account, given.resource_type.name, given.day).encode()
    digest = base64.b64encode(bytes.fromhex(file.sha256))
    headers += (
        (b"content-disposition", b'attachment; filename="%b"' % name),
        (b"repr-digest", b"sha-256=:%b:" % digest),
    )
    if request.method == "HEAD":
        if file.sealed is not None:
            reader.check(file.sealed)
        return FileAnswer((), status=200, headers=[*headers, _RANGES, _length(file.size_bytes)])
    part = None
    if asked:
        part = requested_part(asked.get(b"range"), asked.get(b"if-range"), etag=etag, size_bytes=file.size_bytes)
    elif (location := _accelerated(request, file.sealed, reader=reader)) is not None:
        # The proxy adds Accept-Ranges of its own.
        return FileAnswer((), status=200, headers=[*headers, (b"x-accel-redirect", location.encode()), _length(0)])
    headers.append(_RANGES)
    if part is None:
        part, status = Part(start=0, stop=file.size_bytes), 200
    else:
        headers.append((b"content-range", part.content_range(file.size_bytes).encode()))
        status = 206
    headers.append(_length(part.stop - part.start))
    if file.sealed is not None and file.size_bytes <= SMALL_BYTES:  # sent at once: nothing of it is kept in memory
        return FileAnswer([reader.read(file.sealed, start=part.start, stop=part.stop)], status=status, headers=headers)
    answer = partial(FileAnswer, status=status, headers=headers)
    return _answer(file, part, answer, reader=reader, room=request.app.state.files_in_memory)


def _conditions(request: Request) -> Mapping[bytes, str]:
    """Return the headers on which it depends what is sent, the first of each name; nearly no request has any."""
    found = [(name, value.decode("latin-1")) for name, value in request.scope["headers"] if name in _CONDITIONS]
    return dict(reversed(found))


def _length(size_bytes: int) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % size_bytes


def _check_link(context: Context, path: str, query: str) -> Link:
    try:
        return context.links.check(path, query, now=context.clock.now())
    except ExpiredLink as expired:
        again = Urls(context.public_url).day(expired.link.resource_type, expired.link.day)
        raise Forbidden(f"{expired} Fetch {again} with your credentials for a fresh one.") from expired


def _empty(link: Link) -> _File:
    if not link.is_to(EMPTY_SHA256):  # signed by another version of Dayfile
        raise _gone(link)
    return _File(sealed=None, size_bytes=len(EMPTY_FILE), sha256=EMPTY_SHA256)


def _gone(link: Link) -> NotFound:
    return NotFound(f"The file behind this link was removed: fetch {link.resource_type} of {link.day} again.")


def _find(request: Request, link: Link, *, began: float) -> _File:
    """Return the file of a link by its row; `began` is from before it was looked for."""
    with context_of(request).database.snapshot() as tx:
        try:
            sealed = tx.sealed_days.get(link.sealed_day_id)
        except NotFound as error:
            raise _gone(link) from error
    remembered_files_of(request).keep(sealed, looked_up_at=began)
    return _named(sealed, link)


def _named(sealed: SealedDay, link: Link) -> _File:
    """Return the file of a sealed day; raises NotFound if it is not the one that the link is for."""
    # A database restored from a backup assigns ids a second time, perhaps to a day of another account, or to another
    # revision of the same day.
    named = (link.account, link.resource_type, link.day)
    if (sealed.account, sealed.resource_type, sealed.day) != named or not link.is_to(sealed.sha256):
        raise _gone(link)
    return _File(sealed=sealed, size_bytes=sealed.size_bytes, sha256=sealed.sha256)


def _accelerated(request: Request, sealed: SealedDay | None, *, reader: FileReader) -> str | None:
    """Return the location from which the proxy in front of this server sends a whole file; None if it must not.

    It sends what has an object of its own and is not hashed before its first byte. It would judge conditions and ranges
    by names of its own, so whoever sends any is served from here, as is everybody who does not come by a trusted proxy.
    """
    if sealed is None or sealed.size_bytes <= HASHED_FIRST_BYTES or sealed.place.is_packed:
        return None
    context = context_of(request)
    if context.accel_redirect is None or request.client is None:
        return None
    if not context.trusted_proxies.trusts(request.client.host):
        return None
    reader.check(sealed)
    return None if context.storage.path(sealed.key) is None else context.accel_redirect + sealed.key


def _answer(
    file: _File, part: Part, answer: Callable[..., FileAnswer], *, reader: FileReader, room: MemoryRoom
) -> FileAnswer:
    """Return the part of a larger file, or of the empty one, as a response.

    It is read whole if there is memory for it: each block read later costs a thread hop.
    """
    if file.sealed is None:
        return answer([EMPTY_FILE[part.start : part.stop]])
    size = part.stop - part.start
    if size > WHOLE_BYTES or not room.take(size):
        return answer(reader.blocks(file.sealed, start=part.start, stop=part.stop))
    give_back = partial(room.give_back, size)
    try:
        return answer([reader.read(file.sealed, start=part.start, stop=part.stop)], on_end=give_back)
    except BaseException:
        give_back()
        raise


def _reader(context: Context, *, is_quick: bool = False) -> FileReader:
    return FileReader(context.database, context.storage, clock=context.clock, is_quick=is_quick)
