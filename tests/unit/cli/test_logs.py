from __future__ import annotations

import io
from collections.abc import Callable

import pytest
import structlog

from dayfile.cli import logs

CONTENT = "my code is 4711"


class Terminal(io.StringIO):
    """Standard error of somebody who is watching."""

    def isatty(self) -> bool:
        return True


def _fail_with(line: str) -> None:
    held = [line.upper(), {"body": line}]
    raise ValueError(f"a bug in {len(held)} places")


@pytest.mark.parametrize("stderr", [Terminal, io.StringIO])
@pytest.mark.parametrize("configure", [logs.log_everything, logs.log_trouble])
def test_a_traceback_shows_where_it_happened_and_no_value_of_a_frame(
    monkeypatch: pytest.MonkeyPatch, stderr: type[io.StringIO], configure: Callable[[], None]
) -> None:
    """Frames hold records, tokens and links; logs are read by many, and kept for years."""
    written = stderr()
    monkeypatch.setattr("sys.stderr", written)
    configure()
    try:
        _fail_with(CONTENT)
    except ValueError:
        structlog.get_logger().exception("request.failed", path="/v1")
    log = written.getvalue()
    assert "request.failed" in log
    assert "_fail_with" in log
    assert "a bug in 2 places" in log
    assert CONTENT.lower() not in log.lower()
