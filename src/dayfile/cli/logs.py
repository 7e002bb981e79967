"""The log: one line per event on standard error; JSON unless that is a terminal."""

from __future__ import annotations

import io
import logging
import sys
from contextlib import suppress
from typing import TextIO

import structlog

from dayfile.cli.controls import json_text, plain, plain_lines, writes_all

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
        else [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(json_text, ascii_only=not writes_all(sys.stderr)),
        ]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            *shown,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Printed(sys.stderr),  # looked up at each event, since it may be replaced
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


class _Printed(structlog.PrintLogger):
    """A logger that ignores write errors: a log on a full disk must not fail the work that it describes."""

    def msg(self, message: str) -> None:
        with suppress(OSError):
            super().msg(message)

    log = debug = info = warn = warning = fatal = failure = err = error = critical = exception = msg


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
