"""Route of intake: a request body becomes one batch, and the response is its receipt. Not Twilio's.

Bodies are not parsed here. A small body is read whole by the event loop, and is authorized and submitted in a thread
together with others (`micro_batches.py`). Of a larger one only the start is read before the sender is
authorized, and it gets a thread of its own. A very large one is streamed by that thread, in bounded memory.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, NamedTuple, cast
from weakref import WeakValueDictionary

from starlette.requests import Request
from starlette.responses import Response

from dayfile.api.auth import caller, callers, counted
from dayfile.api.body_room import BodyRoom
from dayfile.api.context import context_of
from dayfile.api.incoming import IncomingBody
from dayfile.api.micro_batches import MicroBatches
from dayfile.api.openapi import operation
from dayfile.api.openapi.operation import RECORDS, Operation, by_account, by_operator
from dayfile.api.openapi.parameters import RESOURCE_TYPE_IN_PATH, in_head
from dayfile.api.openapi.schema import ref, schema_of, text
from dayfile.api.receipts import ReceiptBody
from dayfile.api.request_bodies import check_batch_type
from dayfile.api.responses import ErrorBody, json_response
from dayfile.api.routes import Routes
from dayfile.errors import DayfileError, InvalidBody, InvalidParameter, TooLarge, Unauthorized
from dayfile.intake.body import Compression
from dayfile.intake.pipeline import Answer, IncomingBatch
from dayfile.model.credential import Caller, Permission, Scope
from dayfile.model.receipt import Receipt
from dayfile.model.resource import parse_resource_type
from dayfile.web.protocol import read_on

MICRO_BATCH_BYTES = 16 * 1024
"""Largest plain body that shares a micro-batch with others: parsing it does not keep them waiting."""

MICRO_BATCH_LINES = 128
"""Most lines or elements of such a body: as many records as fit into MICRO_BATCH_BYTES."""

READ_WHOLE_BYTES = 8 * 1024 * 1024
"""Largest body, as it is sent, that is read whole; a larger one is streamed."""

HELD_BYTES_LIMIT = 256 * 1024 * 1024
"""Limit of the bytes of all bodies in memory; beyond it, senders are asked to wait."""

STREAMS_LIMIT = 8
"""Limit of bodies that are streamed at once: each occupies a thread and some memory."""

_THREADS = 8  # their work holds the GIL or waits for the disk: more would only take turns
_THREADS_OF_SENDER = 4  # so that one sender of slow batches leaves some to others
_ASKING_THREADS = 4  # authentication is fast, and must not wait behind slow batches
_LEAST_COMMAS = 20  # per record, roughly, to estimate the number of elements of an array
_COMPRESSIONS = {
    "": None,
    "identity": None,
    "gzip": Compression.GZIP,
    "x-gzip": Compression.GZIP,
    "zstd": Compression.ZSTD,
}
_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")

_LINE: Final = (
    '{"sid": "SM0123456789abcdef0123456789abcdef", "account_sid": "AC0123456789abcdef0123456789abcdef", '
    '"date_created": "2026-10-01T10:00:00Z", "date_updated": "2026-10-01T10:00:03Z", "body": "hello"}\n'
)

routes = Routes()


@routes.add(
    Operation(
        name="AcceptRecords",
        method="post",
        path="/v1/Records/{ResourceType}",
        tag=RECORDS,
        summary="Send records",
        description="Take in one batch: JSON lines or one JSON array, plain or compressed, of any accounts and days. "
        "The answer comes once all accepted lines are durable. A bad line does not affect the rest of its batch. This "
        "needs an operator's key with the scope `intake`; account credentials may send their own records where the "
        "operator "
        "allows it. If there is no answer, or a 429 or 503, send the same request again.",
        who=(by_operator(Scope.INTAKE), by_account(Permission.RECORDS_WRITE)),
        parameters=(
            RESOURCE_TYPE_IN_PATH,
            in_head(
                "Idempotency-Key",
                text(
                    "For a day, the same key and body get the same receipt.",
                    "batch-2026-10-01-17",
                    pattern="^[!-~]{1,255}$",
                ),
            ),
            in_head("Content-Encoding", text("How the body is compressed.", "gzip", enum=["gzip", "zstd", "identity"])),
        ),
        body={
            "description": "The batch. Its form is recognised from its first byte, whatever Content-Type says; "
            "`text/plain` and `multipart/form-data`, which forms of a browser can have, are refused, and "
            "so is a file of another kind, such as a zip file, as a whole. A byte order mark at its start is skipped.",
            "required": False,  # no body is an empty batch
            "content": {
                "application/x-ndjson": {"example": _LINE},
                "application/json": {"schema": {"type": "array", "items": ref("schemas", "Record")}},
            },
        },
        answers={
            200: operation.Answer(ReceiptBody, says="At least one line was accepted, or there was none."),
            400: operation.Answer(
                says="Every line was rejected, and the receipt says why; or the request or its body cannot be read, "
                "and nothing of it was taken.",
                content={"application/json": {"schema": {"anyOf": [schema_of(ReceiptBody), schema_of(ErrorBody)]}}},
            ),
        },
        failures=(401, 403, 404, 409, 413, 429, 500, 503),
    )
)
async def accept_records(request: Request, _: str) -> Response:
    """Accept a batch of records of one resource type; answer with its receipt once the records are durable."""
    head = _Head.of(request)
    receipt = await _door_of(request).receive(request, head)
    return json_response(ReceiptBody.of(receipt), status=400 if receipt.is_refused else 200)


class _Head(NamedTuple):
    """The headers of a request for intake, looked at once."""

    compression: Compression | None
    idempotency_key: str | None  # as it was given
    is_anonymous: bool

    @classmethod
    def of(cls, request: Request) -> _Head:
        """Return the headers of a request.

        Raises InvalidBody for an unknown Content-Encoding or a content type of forms, TooLarge for a plain body that
        announces too many bytes.
        """
        headers = dict(reversed(request.scope["headers"]))  # of several of a name the first counts
        if b"content-type" in headers:
            check_batch_type(request)
        encoding, length = headers.get(b"content-encoding", b""), headers.get(b"content-length", b"")
        compression = _compression(encoding) if encoding else None
        limit = context_of(request).max_body_bytes
        if compression is None and length.isdigit() and int(length) > limit:
            raise TooLarge(f"the body must have at most {limit} bytes: send smaller parts")
        key = headers.get(b"idempotency-key")
        return cls(compression, None if key is None else key.decode("latin-1"), b"authorization" not in headers)


class _Door:
    """The shared state of intake requests in one app: threads, and the count of memory in use."""

    def __init__(self) -> None:
        self._asking_threads = ThreadPoolExecutor(_ASKING_THREADS, thread_name_prefix="intake-sender")
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="intake")
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()  # of active senders
        self._stream_threads = ThreadPoolExecutor(STREAMS_LIMIT, thread_name_prefix="intake-stream")
        self._micro_batches = MicroBatches(_submit_all, name="intake-micro-batch")
        self._room = BodyRoom(limit_bytes=HELD_BYTES_LIMIT, limit_streams=STREAMS_LIMIT)

    async def receive(self, request: Request, head: _Head) -> Receipt:
        """Authorize the sender, read the body, and wait for the receipt."""
        body = IncomingBody(request)
        start = await body.start()
        if head.is_anonymous:
            raise Unauthorized("Authenticate")  # before spending anything else on it
        if body.is_whole and head.compression is None and _fits_a_micro_batch(start):
            return await self._micro_batches.ask((request, head, start))
        loop = asyncio.get_running_loop()
        sender = await loop.run_in_executor(self._asking_threads, _authorized, request)
        read_on(request.scope)
        return await asyncio.wrap_future(await self._rest_of(_Sent(request, head, sender), body, start))

    async def _rest_of(self, sent: _Sent, body: IncomingBody, start: list[bytes]) -> Future[Receipt]:
        """Read the rest of a body, whose sender is authorized by now, and submit it."""
        with self._room.share(sent.sender) as share:
            share.hold(sum(map(len, start)))
            while not body.is_whole and body.size_bytes <= READ_WHOLE_BYTES:
                start.append(block := await body.next())
                share.hold(len(block))
            if body.is_whole:
                return await self._submit(sent, start)
            share.begin_stream()
            loop = asyncio.get_running_loop()

            def blocks() -> Iterator[bytes]:
                yield from start
                start.clear()
                while block := body.next_for_thread(loop):
                    yield block

            return await loop.run_in_executor(self._stream_threads, lambda: sent.submit(blocks()))

    async def _submit(self, sent: _Sent, body: Sequence[bytes]) -> Future[Receipt]:
        turns = self._turns.setdefault(sent.sender.credential, asyncio.Semaphore(_THREADS_OF_SENDER))
        async with turns:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, lambda: sent.submit(iter(body)))


class _Sent(NamedTuple):
    """A request whose sender is known."""

    request: Request
    head: _Head
    sender: Caller

    def submit(self, blocks: Iterator[bytes]) -> Future[Receipt]:
        """Submit the body."""
        return context_of(self.request).intake.submit(self.incoming(blocks))

    def incoming(self, blocks: Iterable[bytes]) -> IncomingBatch:
        """Return the batch of the body; raises NotFound for its type, InvalidParameter for its idempotency key."""
        return IncomingBatch(
            caller=self.sender,
            resource_type=parse_resource_type(self.request.path_params["ResourceType"]),
            blocks=blocks,
            compression=self.head.compression,
            idempotency_key=_checked(self.head.idempotency_key),
            origin=self.request.state.span,
        )


def _door_of(request: Request) -> _Door:
    state = request.app.state
    if not hasattr(state, "records_door"):
        state.records_door = _Door()
    return cast("_Door", state.records_door)


def _fits_a_micro_batch(body: Sequence[bytes]) -> bool:
    """Return True if a plain body is small and has few lines, so that it does not keep others waiting."""
    if sum(map(len, body)) > MICRO_BATCH_BYTES:
        return False
    return sum(block.count(b"\n") + block.count(b",") // _LEAST_COMMAS for block in body) <= MICRO_BATCH_LINES


def _submit_all(asked: Sequence[tuple[Request, _Head, Sequence[bytes]]]) -> list[Receipt | Exception]:
    """Submit small bodies together; return, in order, the durable receipt of each or the error in its place."""
    owners = callers([request for request, _, _ in asked])
    incoming = [
        _batch_or_error(request, head, owner, body) for (request, head, body), owner in zip(asked, owners, strict=True)
    ]
    ready = [batch for batch in incoming if isinstance(batch, IncomingBatch)]
    answers = context_of(asked[0][0]).intake.submit_all(ready)
    # The last one is done last: by waiting for it first, this thread is woken only once.
    receipts = iter([_receipt_or_not(answer) for answer in reversed(answers)][::-1])
    return [next(receipts) if isinstance(one, IncomingBatch) else one for one in incoming]


def _batch_or_error(
    request: Request, head: _Head, owner: Caller | DayfileError, body: Sequence[bytes]
) -> IncomingBatch | DayfileError:
    try:
        return _Sent(request, head, owner).incoming(body) if isinstance(owner, Caller) else owner
    except DayfileError as error:
        return error


def _receipt_or_not(answer: Answer) -> Receipt | Exception:
    try:
        return answer.result()
    except Exception as error:  # noqa: BLE001 - it is returned to the sender of the batch
        return error


def _authorized(request: Request) -> Caller:
    sender = caller(request)
    context_of(request).intake.authorize(sender)
    return counted(request, sender)


def _compression(given: bytes) -> Compression | None:
    encoding = given.decode("latin-1").strip().lower()
    if encoding not in _COMPRESSIONS:
        raise InvalidBody(f"Content-Encoding must be gzip or zstd, or absent for a plain body; got {encoding[:40]!r}")
    return _COMPRESSIONS[encoding]


def _checked(key: str | None) -> str | None:
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidParameter("Idempotency-Key", "must be 1 to 255 visible ASCII characters without spaces", key)
    return key
