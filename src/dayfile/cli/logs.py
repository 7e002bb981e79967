"""The log: one line per event on standard error; JSON unless that is a terminal."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
import threading
from contextlib import suppress
from typing import Any, Final, TextIO

import msgspec
import structlog

from dayfile.api.request_log import EVENT, RequestLine, RequestLog, UsualLog
from dayfile.cli.controls import json_text, plain, plain_lines, writes_all
from dayfile.clock import SystemClock

_SIMPLE: Final = frozenset({str, int, float, bool, type(None)})
_HELD_SECONDS: Final = 0.005
"""The longest time for which a line of an event loop waits for others, to be written with them."""

_CLOCK: Final = SystemClock()
_DELETE: Final = b"\x7f"
_TOLD_ELSEWHERE = frozenset({"Invalid HTTP request received."})  # as request.refused, with the address


def log_everything() -> None:
    """Log every event, for long-running processes."""
    _configure(logging.INFO)


def log_trouble() -> None:
    """Log warnings and errors only, for commands, which print their results themselves."""
    _configure(logging.WARNING)


def _configure(level: int) -> None:
    shown: list[structlog.typing.Processor] = (
        # structlog's default traceback shows the local variables of every frame: records, tokens, links.
        [_spelled_out, structlog.dev.ConsoleRenderer(exception_formatter=_traceback)]
        if sys.stderr.isatty()
        else [structlog.processors.format_exc_info, _InJson(ascii_only=not writes_all(sys.stderr))]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _stamped,
            *shown,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _TOLD,
        cache_logger_on_first_use=False,
    )
    # Warnings of libraries, which have loggers of their own, end here.
    logging.lastResort = _OfLibraries(logging.WARNING)


def write_waiting() -> None:
    """Write the lines that wait for others: the event loop that would have written them is over."""
    _TOLD.write_waiting()


def request_log() -> RequestLog:
    """Return the fastest log of requests that writes the lines that the log would have of them."""
    return UsualLog() if sys.stderr.isatty() else _RequestsInJson()


def _stamped(_: object, __: str, facts: structlog.typing.EventDict) -> structlog.typing.EventDict:
    # As text made by msgspec, which takes a tenth of the time that structlog's own stamp takes.
    facts["at"] = msgspec.to_builtins(_CLOCK.now())
    return facts


def _spelled_out(_: object, __: str, facts: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {plain(name): fact if name == "exc_info" else _shown(fact) for name, fact in facts.items()}


def _shown(fact: object) -> object:
    if fact is None or isinstance(fact, bool | int | float):
        return fact
    return plain(fact if isinstance(fact, str) else repr(fact))


def _traceback(log: TextIO, exc_info: structlog.typing.ExcInfo) -> None:
    written = io.StringIO()
    structlog.dev.plain_traceback(written, exc_info)
    log.write(plain_lines(written.getvalue()))


class _InJson:
    """The renderer of a line as JSON. Most hold nothing but texts and numbers, with which msgspec is fast."""

    def __init__(self, *, ascii_only: bool) -> None:
        self._others = structlog.processors.JSONRenderer(json_text, ascii_only=ascii_only)

    def __call__(self, logger: Any, name: str, facts: structlog.typing.EventDict) -> str | bytes:
        if _SIMPLE.issuperset(map(type, facts.values())):
            try:
                written = msgspec.json.format(msgspec.json.encode(facts), indent=0)
            except UnicodeEncodeError:  # half a surrogate pair
                return self._others(logger, name, facts)
            if written.isascii() and _DELETE not in written:
                return written.decode()
        return self._others(logger, name, facts)


class _RequestsInJson:
    """Requests in JSON, without the way that any other event goes: of small answers it was a quarter of the cost."""

    def __init__(self) -> None:
        self._usual = UsualLog()

    def tell(self, line: RequestLine) -> None:
        """Log a request, soon if an event loop runs."""
        try:
            written = msgspec.json.format(msgspec.json.encode(line), indent=0)
        except UnicodeEncodeError:  # half a surrogate pair
            written = _DELETE
        if not written.isascii() or _DELETE in written:
            self._usual.tell(line)
            return
        at = msgspec.to_builtins(_CLOCK.now())
        _TOLD.info(f'{written[:-1].decode()}, "event": "{EVENT}", "level": "info", "at": "{at}"}}')


class _Told(structlog.PrintLogger):
    """A logger that ignores write errors: a log on a full disk must not fail the work that it describes.

    What an event loop tells of requests is written together, a few milliseconds later: a write takes as long as the
    rest of a line, and lets other threads run, so that the loop would wait for its turn once for each line.
    """

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self._of_thread = _OfThread()
        # Only its own loop touches a list: another one runs in another thread.
        self._waiting: dict[asyncio.AbstractEventLoop, list[str]] = {}

    def msg(self, message: str) -> None:
        """Write a line at once."""
        # The stream is looked up for each, since it may be replaced.
        with suppress(OSError):
            print(message, file=sys.stderr, flush=True)

    def info(self, message: str) -> None:
        """Write a line at once; that of an event loop soon."""
        loop = self._of_thread.running_loop()
        if loop is None:
            self.msg(message)
            return
        waiting = self._waiting.get(loop)
        if waiting is None:
            self._waiting[loop] = [message]
            loop.call_later(_HELD_SECONDS, self._write, loop)
        else:
            waiting.append(message)

    def write_waiting(self) -> None:
        """Write all lines that wait, when no loop runs any more."""
        for loop in list(self._waiting):
            self._write(loop)

    def _write(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting = self._waiting.pop(loop, None)
        if waiting:
            self.msg("\n".join(waiting))

    log = debug = warn = warning = fatal = failure = err = error = critical = exception = msg


class _OfThread(threading.local):
    """The event loop that ran in a thread when it was last asked for: asyncio asks the system for each answer."""

    loop: asyncio.AbstractEventLoop | None = None

    def running_loop(self) -> asyncio.AbstractEventLoop | None:
        """Return the loop that runs in this thread."""
        if self.loop is None or not self.loop.is_running():
            try:
                self.loop = asyncio.get_running_loop()
            except RuntimeError:
                self.loop = None
        return self.loop


_TOLD: Final = _Told()
"""The one logger of a process, as lines of one loop wait in it."""


class _OfLibraries(logging.Handler):
    """A handler that turns log records of libraries into events, so that all lines of the log have one format."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() in _TOLD_ELSEWHERE:
            return
        structlog.get_logger().log(
            record.levelno,
            "library.message",
            logger=record.name,
            message=record.getMessage(),
            **({"exc_info": record.exc_info} if record.exc_info else {}),
        )
