"""The log: one line per event on standard error; JSON unless that is a terminal."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
from contextlib import suppress
from typing import Any, Final, TextIO

import msgspec
import structlog

from dayfile.cli.controls import json_text, plain, plain_lines, writes_all

_SIMPLE: Final = frozenset({str, int, float, bool, type(None)})
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
    told = _Told()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            *shown,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: told,
        cache_logger_on_first_use=False,
    )
    # Warnings of libraries, which have loggers of their own, end here.
    logging.lastResort = _OfLibraries(logging.WARNING)


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
            with suppress(UnicodeEncodeError):  # half a surrogate pair
                written = msgspec.json.format(msgspec.json.encode(facts), indent=0)
                if written.isascii() and b"\x7f" not in written:
                    return written.decode()
        return self._others(logger, name, facts)


class _Told(structlog.PrintLogger):
    """A logger that ignores write errors: a log on a full disk must not fail the work that it describes.

    What an event loop tells of requests that it serves at once is written together: a write lets other threads run, and
    the loop would wait for its turn once for each line.
    """

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        # Only its own loop touches a list: another one runs in another thread.
        self._waiting: dict[asyncio.AbstractEventLoop, list[str]] = {}

    def msg(self, message: str) -> None:
        # The stream is looked up for each, since it may be replaced.
        with suppress(OSError):
            print(message, file=sys.stderr, flush=True)

    def info(self, message: str) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.msg(message)
            return
        waiting = self._waiting.get(loop)
        if waiting is None:
            self._waiting[loop] = [message]
            loop.call_soon(self._tell, loop)
        else:
            waiting.append(message)

    def _tell(self, loop: asyncio.AbstractEventLoop) -> None:
        self.msg("\n".join(self._waiting.pop(loop)))

    log = debug = warn = warning = fatal = failure = err = error = critical = exception = msg


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
