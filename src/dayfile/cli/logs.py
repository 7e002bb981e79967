"""What the log looks like: one line a fact, on standard error; JSON unless somebody is watching."""

from __future__ import annotations

import logging
import sys

import structlog


def log_everything() -> None:
    """For processes that stay: every fact, with its time."""
    _configure(logging.INFO)


def log_trouble() -> None:
    """For commands that end: what they say themselves is enough, unless something is wrong."""
    _configure(logging.WARNING)


def _configure(level: int) -> None:
    shown: list[structlog.typing.Processor] = (
        # Its own choice of traceback shows the values in every frame: records, tokens, links.
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if sys.stderr.isatty()
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            *shown,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # the one that is there when something is logged
        cache_logger_on_first_use=False,
    )
