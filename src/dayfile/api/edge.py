"""The outermost middleware: request id, duration, CORS, one log line, and a response whatever happens.

A request that may write and comes from a page of another site is refused here. It is plain ASGI, for speed: every
batch of records passes through it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dayfile.api.context import Context
from dayfile.api.failed_logins import Crowded, FailedLogins
from dayfile.api.request_id import REQUEST_ID
from dayfile.api.request_log import RequestLine, RequestLog, tell_of_failure
from dayfile.counters import METHODS as KNOWN_METHODS
from dayfile.counters import NO_ROUTE
from dayfile.errors import Forbidden, Invalid, Transient
from dayfile.model.secret import Randomness
from dayfile.spans import NO_SPANS, Span
from dayfile.web import concurrency
from dayfile.web.concurrency import concurrent_requests
from dayfile.web.cross_site import check_cross_site
from dayfile.web.login_delays import DelayRule, LoginDelays
from dayfile.web.params import check_path

API = "/v1/"
_EXPORTS = "/v1/Exports/"
FOR_SCRIPTS = (API, "/openapi.json")
"""Paths that scripts of other sites may read; tools in the browser load the OpenAPI document by its URL."""

METHODS = b"GET, HEAD, POST, PUT, DELETE, OPTIONS"
_ACCEPTED = b"""
    Accept Authorization Content-Encoding Content-Type Idempotency-Key If-Match If-Modified-Since If-None-Match If-Range
    If-Unmodified-Since Range
"""
_EXPOSED = b"""
    Accept-Ranges Content-Disposition Content-Range ETag Location Repr-Digest Retry-After
    Twilio-Concurrent-Requests Twilio-Request-Duration Twilio-Request-Id
"""
CORS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", METHODS),
    (b"access-control-allow-headers", b", ".join(_ACCEPTED.split())),
    (b"access-control-allow-credentials", b"true"),
    (b"access-control-expose-headers", b", ".join(_EXPOSED.split())),
)
ANSWERED, CLIENT_GONE, CUT_OFF, STOPPED = "answered", "client gone", "cut off", "stopped"
"""Outcomes of requests, as in the log."""

_LENGTH, _ENCODING, _FORWARDED, _TRACE = b"content-length", b"transfer-encoding", b"x-forwarded-for", b"traceparent"
_LOOKED_AT = frozenset({_LENGTH, _ENCODING, _FORWARDED, _TRACE})
_NO_SNIFFING = (b"x-content-type-options", b"nosniff")  # customers' content must not be sniffed as HTML
_SERVER_ERROR = 500
_ID_DIGITS, _IDS_AT_ONCE = 32, 64

_COUNTED_AFTER: Final = 0.005
"""Seconds for which the count of a request waits for others, to be written with them."""


Answer = Callable[[Scope, Exception], ASGIApp]
"""A function that returns the response to an error."""


class Edge:
    """The outermost middleware of the app."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        context: Context,
        answer: Answer,
        allowed: Callable[[Scope], str],
        delay_rule: DelayRule,
        request_log: RequestLog,
    ) -> None:
        self._app = app
        self._allowed = allowed
        self._context = context
        self._answer = answer
        self._request_log = request_log
        self._counters, self._spans = context.counters, context.spans
        delays = LoginDelays(delay_rule, proxies=context.trusted_proxies)
        self._request_ids = _request_ids(context.randomness)
        self._failed_logins = FailedLogins(delays, rule=delay_rule, clock=context.clock, counters=context.counters)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(
            *(scope, receive, send),
            request_id=next(self._request_ids),
            context=self._context,
            failed_logins=self._failed_logins,
        )
        # Whatever is logged meanwhile, also in threads that work for this request alone, has its id.
        before = REQUEST_ID.set(exchange.request_id)
        try:
            await (self._serve(exchange) if self._spans is NO_SPANS else self._traced(exchange))
        finally:
            concurrency.leave(scope)
            self._tell(exchange)
            REQUEST_ID.reset(before)

    async def _traced(self, exchange: _Exchange) -> None:
        """Have a request answered within a span of its own."""
        with self._spans.serving("request", traceparent=exchange.traceparent()) as span:
            exchange.scope["state"]["span"] = self._spans.here()
            try:
                await self._serve(exchange)
            finally:
                exchange.trace(span)

    def _tell(self, exchange: _Exchange) -> None:
        """Count a request at its end, and log it."""
        error, seconds, counters = exchange.failure, exchange.seconds(), self._counters
        if counters.answered(method=exchange.method, route=exchange.route, status=exchange.status, seconds=seconds):
            asyncio.get_running_loop().call_later(_COUNTED_AFTER, counters.write_answers)
        line = exchange.line(seconds)
        if error is None:
            self._request_log.tell(line)
        else:
            counters.failed(error)
            tell_of_failure(line, error)

    async def _serve(self, exchange: _Exchange) -> None:
        """Have a request answered, also if it fails."""
        scope = exchange.scope
        try:
            try:
                await self._route(scope)(scope, exchange.receive, exchange.send)
            except (ClientDisconnect, Crowded):
                raise
            except Exception as failure:
                if exchange.status is not None:
                    raise
                await self._answer(scope, failure)(scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            exchange.outcome = CLIENT_GONE
        except asyncio.CancelledError:
            # This server stops, and running requests have had their time. A sender repeats what is answered with 503.
            exchange.outcome = STOPPED
            if exchange.status is None:
                refusal = Transient("this server stops, and did not wait for the end of this request: send it again")
                await self._answer(scope, refusal)(scope, exchange.receive, exchange.send)
        except Exception as raised:  # noqa: BLE001 - the last resort: every request gets a response and a log line
            error = raised.refusal if isinstance(raised, Crowded) else raised
            scope["state"]["error"] = error
            if exchange.status is None:
                await self._answer(scope, error)(scope, exchange.receive, exchange.send)
            else:
                # The headers are sent already. An unfinished body makes the server cut the connection, so that the
                # client notices.
                exchange.outcome = CUT_OFF

    def _route(self, scope: Scope) -> ASGIApp:
        scope["path"] = _plain_path(scope["path"])
        if scope["method"] == "OPTIONS":
            return _Preflight(self._allowed(scope))
        try:
            check_cross_site(scope["method"], scope["headers"], public_url=self._context.public_url)
            check_path(scope.get("raw_path", b""))
        except (Forbidden, Invalid) as error:
            return self._answer(scope, error)
        return self._app


def _request_ids(randomness: Randomness) -> Iterator[str]:
    """Yield ids of requests, for many of which the system is asked at once: it lets other threads go first."""
    while True:
        digits = randomness.hex(_ID_DIGITS * _IDS_AT_ONCE)
        for at in range(0, len(digits), _ID_DIGITS):
            yield "RQ" + digits[at : at + _ID_DIGITS]


def _plain_path(path: str) -> str:
    """Return a path without the endings that clients may add: a slash, and the `.json` of Twilio's older API."""
    if path.startswith(API):
        path = path.removesuffix("/")
    return path.removesuffix(".json") if path.startswith(_EXPORTS) else path


class _Exchange:
    """One request and the state of its response."""

    __slots__ = (
        *("_began", "_client", "_clock", "_failed_logins", "_has_unread_body", "_path", "_proxies", "_receive"),
        *("_send", "_sent_bytes", "_told", "method", "outcome", "request_id", "scope", "status"),
    )

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        request_id: str,
        context: Context,
        failed_logins: FailedLogins,
    ) -> None:
        self._clock = context.clock
        self._began = context.clock.monotonic()
        self.request_id = request_id
        self.method: str = scope["method"]
        self._path: str = scope["path"]
        self._failed_logins = failed_logins
        self._told = [header for header in scope["headers"] if header[0] in _LOOKED_AT]  # few requests have any
        self._has_unread_body = bool(self._told and (self._given(_LENGTH) or self._given(_ENCODING)))
        self._receive = receive
        self._proxies = context.trusted_proxies
        self._send = send
        self._sent_bytes = 0
        self.scope = scope
        self.status: int | None = None
        self.outcome = ANSWERED
        self._client = self._address()
        state = scope.setdefault("state", {})
        state["request_id"], state["client"], state["span"] = request_id, self._client, None

    async def receive(self) -> Message:
        """Pass on a message from the client."""
        message = await self._receive()
        self._has_unread_body = message.get("more_body", False)
        return message

    async def gone(self) -> None:
        """Return when the client has disconnected; never, if its body has not been read to the end.

        A disconnect shows only after the body, and reading on could ask the client for a body that nobody wants.
        """
        if self._has_unread_body:
            await asyncio.Future[None]()
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def send(self, message: Message) -> None:
        """Pass a message on to the client: the start after the delay of a failed login, with the common headers."""
        if message["type"] == "http.response.start":
            if (delay := self._failed_logins.settle(self.scope, gone=self.gone)) is not None:
                await delay
            self.status = message["status"]
            message["headers"] = self._with_common(message["headers"])
        else:
            self._sent_bytes += len(message.get("body", b""))
        await self._send(message)

    def traceparent(self) -> str | None:
        """Return the place of this request in the trace of a proxy; what others say of theirs is not believed."""
        found = self._given(_TRACE)
        peer = self.scope["client"]
        return found[0].decode("latin-1") if found and peer and self._proxies.trusts(peer[0]) else None

    @property
    def route(self) -> str:
        """Template of the route that answers, for counts: addresses are chosen by strangers."""
        found: str = self.scope.get("route", NO_ROUTE)
        return found

    @property
    def failure(self) -> Exception | None:
        """Error of a request that failed through no fault of its caller."""
        error: Exception | None = self.scope["state"].get("error")
        if error is None or self.outcome == CUT_OFF:
            return error
        is_told = self.outcome == ANSWERED and (self.status is None or self.status >= _SERVER_ERROR)
        return error if is_told else None

    def seconds(self) -> float:
        """Return the time that it has taken until now."""
        return self._clock.monotonic() - self._began

    def line(self, seconds: float) -> RequestLine:
        """Return what the log is to tell of it: not its query, which may hold a signature, and not its body."""
        state: dict[str, Any] = self.scope["state"]
        return RequestLine(
            method=self.method,
            path=self._path[:200],
            status=self.status,
            code=state.get("code"),
            outcome=self.outcome,
            duration_ms=round(seconds * 1000, 3),
            sent_bytes=self._sent_bytes,
            caller=state.get("caller"),
            client=self._client,
            request_id=self.request_id,
        )

    def trace(self, span: Span) -> None:
        """Tell its span what it was."""
        # Methods and addresses are chosen by strangers: the names of spans are not.
        method = self.method if self.method in KNOWN_METHODS else "other"
        span.named(f"{method} {self.route}")
        span.note({"http.request.method": method, "http.route": self.route, "dayfile.request_id": self.request_id})
        span.note({"dayfile.outcome": self.outcome, "http.response.body.size": self._sent_bytes})
        if self.status is not None:
            span.note({"http.response.status_code": self.status})
        if (error := self.failure) is not None:
            span.failed(error)

    def _given(self, name: bytes) -> list[bytes]:
        """Return the values of a header that was looked for."""
        return [value for one, value in self._told if one == name]

    def _address(self) -> str:
        """Return the client's address; an empty text if the connection has none."""
        client = self.scope.get("client")
        forwarded_for = [value.decode("latin-1") for value in self._given(_FORWARDED)] if self._told else ()
        return self._proxies.client_of(client[0] if client else "", forwarded_for)

    def _with_common(self, own: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Return the headers of a response and those that all have."""
        headers = [
            *own,
            (b"twilio-request-id", self.request_id.encode()),
            (b"twilio-request-duration", b"%.3f" % (self._clock.monotonic() - self._began)),
            _NO_SNIFFING,
        ]
        if (concurrent := concurrent_requests(self.scope)) is not None:
            headers.append((b"twilio-concurrent-requests", b"%d" % concurrent))
        # Scripts of other sites may read the API with credentials that they hold, and the errors of what they try to
        # write; never the console.
        if self._path.startswith(FOR_SCRIPTS):
            headers += CORS
        return headers


class _Preflight:
    """The response to a CORS preflight, which comes without credentials and learns only the methods."""

    def __init__(self, allowed: str) -> None:
        self._headers = [(b"allow", allowed.encode()), (b"access-control-max-age", b"86400")]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": self._headers})
        await send({"type": "http.response.body", "body": b""})
