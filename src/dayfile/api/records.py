"""Records come in: a request body becomes one batch, and the receipt is the answer. Ours, not Twilio's.

The body is never looked into here. A small one is read whole by the event loop and shares its way through a thread with
those beside it (`rounds.py`); a larger one has a thread for itself, and a large one is read by that as it comes, so its
memory is bounded however long it is.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, nullcontext
from typing import TypeVar, cast

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from dayfile.api.answers import json_answer
from dayfile.api.auth import caller, callers
from dayfile.api.context import context_of
from dayfile.api.rounds import Rounds
from dayfile.api.shapes import Body
from dayfile.errors import DayfileError, InvalidBody, InvalidParameter, TooLarge, TooManyRequests
from dayfile.intake.accept import Delivery
from dayfile.model.credential import Caller
from dayfile.model.receipt import Receipt
from dayfile.model.resource import parse_resource_type

ROUND_BYTES = 16 * 1024
"""A plain body of at most this many bytes is taken in together with others: reading it keeps none of them waiting."""

READ_WHOLE_BYTES = 8 * 1024 * 1024
"""A body of at most this many bytes, as it is sent, is read whole."""

HELD_BYTES_LIMIT = 256 * 1024 * 1024
"""So many bytes of bodies are held at once; beyond that, senders are asked to wait."""

STREAMS_LIMIT = 8
"""So many large bodies are received at once: each holds a part of itself in memory, and a thread while it lasts."""

AUTHENTICATE_FIRST_BYTES = 64 * 1024
"""Of a body that announces more, nothing is read before its sender is known; less is not worth a hop of its own."""

SILENCE_SECONDS = 60.0
"""A sender of a large body that is silent for so long is given up: others wait for its place."""

_THREADS = 4  # what they do holds the interpreter or waits for the disk: more would only take turns
_RETRY_AFTER_SECONDS = 1
_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")

router = APIRouter()
T = TypeVar("T")


async def accept_records(request: Request) -> Response:
    """Take in a batch of records of one resource type; the answer comes when they are durable."""
    door = _door_of(request)
    with door.held(_expected_bytes(request)):
        receipt = await door.receive(request)
    return json_answer(_receipt_shape(receipt), status=400 if receipt.is_refused else 200)


router.add_route("/v1/Records/{resource_type}", accept_records, methods=["POST"])


class _Door:
    """What the requests of one app share: threads, and a count of what is held in memory."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="intake")
        self._stream_threads = ThreadPoolExecutor(STREAMS_LIMIT, thread_name_prefix="intake-stream")
        self._rounds = Rounds(_submit_all, name="intake-round")
        self._held_bytes = 0
        self._streams = 0

    @contextmanager
    def held(self, size: int) -> Iterator[None]:
        """Count a body as held; raises TooManyRequests when there is no room for it."""
        if self._held_bytes + size > HELD_BYTES_LIMIT:
            raise _busy("more batches are on their way than fit in memory")
        self._held_bytes += size
        try:
            yield
        finally:
            self._held_bytes -= size

    async def receive(self, request: Request) -> Receipt:
        """Authenticate the sender, read the body, and wait for the receipt."""
        sender = None
        if _expected_bytes(request) > AUTHENTICATE_FIRST_BYTES:
            sender = await self._in_thread(lambda: caller(request))
        stream = request.stream()
        # Those that are read at once are over before a timer would be set.
        async with _patience() if sender is not None else nullcontext():
            start, is_whole = await _read_start(stream)
        if is_whole and sender is None and _fits_a_round(request, start):
            return await self._rounds.ask((request, start))
        if is_whole:
            answer = await self._in_thread(lambda: _submit(request, sender, iter(start)))
        else:
            answer = await self._streamed(request, sender, start, stream)
        return await asyncio.wrap_future(answer)

    async def _streamed(
        self, request: Request, sender: Caller | None, start: list[bytes], stream: AsyncIterator[bytes]
    ) -> Future[Receipt]:
        if self._streams >= STREAMS_LIMIT:
            raise _busy(f"{STREAMS_LIMIT} large bodies are being received already")
        loop = asyncio.get_running_loop()

        def blocks() -> Iterator[bytes]:
            yield from start
            start.clear()
            while block := asyncio.run_coroutine_threadsafe(_next_block(stream), loop).result():
                yield block

        self._streams += 1
        try:
            return await loop.run_in_executor(self._stream_threads, lambda: _submit(request, sender, blocks()))
        finally:
            self._streams -= 1

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _door_of(request: Request) -> _Door:
    state = request.app.state
    if not hasattr(state, "records_door"):
        state.records_door = _Door()
    return cast("_Door", state.records_door)


def _fits_a_round(request: Request, body: Sequence[bytes]) -> bool:
    return sum(map(len, body)) <= ROUND_BYTES and not _is_gzip(request)


def _submit_all(asked: Sequence[tuple[Request, Sequence[bytes]]]) -> list[Receipt | Exception]:
    """The receipts of small bodies when all are durable; what is wrong with one is in the place of its receipt."""
    owners = callers([request for request, _ in asked])
    deliveries = [_delivery_or_not(request, owner, body) for (request, body), owner in zip(asked, owners, strict=True)]
    ready = [delivery for delivery in deliveries if isinstance(delivery, Delivery)]
    answers = context_of(asked[0][0]).intake.submit_all(ready)
    # The last is answered last: waiting for it first, this thread is woken once.
    receipts = iter([_receipt_or_not(answer) for answer in reversed(answers)][::-1])
    return [next(receipts) if isinstance(one, Delivery) else one for one in deliveries]


def _delivery_or_not(request: Request, owner: Caller | DayfileError, body: Sequence[bytes]) -> Delivery | DayfileError:
    try:
        return _delivery(request, owner, body) if isinstance(owner, Caller) else owner
    except DayfileError as error:
        return error


def _receipt_or_not(answer: Future[Receipt]) -> Receipt | Exception:
    try:
        return answer.result()
    except Exception as error:  # noqa: BLE001 - it is handed to whoever sent the batch
        return error


def _submit(request: Request, sender: Caller | None, blocks: Iterator[bytes]) -> Future[Receipt]:
    return context_of(request).intake.submit(_delivery(request, sender or caller(request), blocks))


def _delivery(request: Request, sender: Caller, blocks: Iterable[bytes]) -> Delivery:
    return Delivery(
        caller=sender,
        resource_type=parse_resource_type(request.path_params["resource_type"]),
        blocks=blocks,
        is_gzip=_is_gzip(request),
        idempotency_key=_idempotency_key(request),
    )


async def _read_start(stream: AsyncIterator[bytes]) -> tuple[list[bytes], bool]:
    """The body, or its start if it is a large one; and whether that is all of it."""
    start: list[bytes] = []
    size = 0
    async for block in stream:
        start.append(block)
        size += len(block)
        if size > READ_WHOLE_BYTES:
            return start, False
    return start, True


async def _next_block(stream: AsyncIterator[bytes]) -> bytes:
    """The next bytes of a body; none at its end. Raises ClientDisconnect if the sender went away before."""
    async with _patience():
        async for block in stream:
            if block:
                return block
    return b""


@asynccontextmanager
async def _patience() -> AsyncIterator[None]:
    """Wait for a sender, but not for ever; raises InvalidBody."""
    try:
        async with asyncio.timeout(SILENCE_SECONDS):
            yield
    except TimeoutError as error:
        raise InvalidBody(f"nothing of the body came for {SILENCE_SECONDS:.0f} seconds: send it again") from error


def _expected_bytes(request: Request) -> int:
    """How much of the body will be held at once; raises TooLarge for one that announces too much."""
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        return READ_WHOLE_BYTES
    if not _is_gzip(request) and int(length) > context_of(request).max_body_bytes:
        raise TooLarge(f"the body must have at most {context_of(request).max_body_bytes} bytes: send smaller parts")
    return min(int(length), READ_WHOLE_BYTES)


def _is_gzip(request: Request) -> bool:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip", ""}:
        raise InvalidBody(f"Content-Encoding must be gzip, or absent for a plain body; got {encoding[:40]!r}")
    return encoding in {"gzip", "x-gzip"}


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidParameter("Idempotency-Key", "must be 1 to 255 visible ASCII characters without spaces", key)
    return key


def _busy(why: str) -> TooManyRequests:
    return TooManyRequests(f"{why}: send the same batch again in a moment", retry_after=_RETRY_AFTER_SECONDS)


def _receipt_shape(receipt: Receipt) -> Body:
    return {
        "sid": receipt.sid,
        "accepted": receipt.accepted,
        "rejected": receipt.rejected,
        "rejections": [
            {"line": refusal.line_number, "field": refusal.field, "reason": refusal.reason}
            for refusal in receipt.refusals
        ],
    }
