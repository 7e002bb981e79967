from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from dayfile.api.request_log import RequestLine, UsualLog
from dayfile.cli import logs
from dayfile.cli.controls import plain_lines

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


class Doubtful(Exception):
    """An error whose texts came from elsewhere."""

    def __repr__(self) -> str:
        return str(self)


def _doubt(text: str) -> None:
    raise Doubtful(text)


def everything_logged(stderr: io.StringIO, text: str) -> str:
    """All that is written when a text of somebody else is in every part of a line, and in what libraries tell."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stderr", stderr)
        patch.setattr("logging.lastResort", logging.StreamHandler(stderr))
        logs.log_everything()
        try:
            _doubt(text)
        except Doubtful as error:
            structlog.get_logger().exception(text, path=text, error=error, members={text: [text]}, **{f"_{text}": text})
        library = logging.Logger("a library")  # noqa: LOG001 - one that the tests have set up nothing for
        library.warning("it says %s", text)
    return stderr.getvalue()


@given(text=st.text(st.sampled_from("ab \x00\x07\x1b\n\r\t\x7f\x85\x9b\u200b\u2028\u202e\u2066\ufeff\ud800\U000e0041")))
def test_no_text_of_others_reaches_the_terminal_of_who_looks_at_the_log(text: str) -> None:
    """A path that anybody may ask for is in the log, and the log is looked at with `tail`, or as it is written."""
    written = everything_logged(io.StringIO(), text)
    assert plain_lines(written) == written
    line = json.loads(written.splitlines()[0])
    assert (line["event"], line["path"], line[f"_{text}"]) == (text, text, text)
    watched = re.sub(r"\x1b\[[0-9;]*m", "", everything_logged(Terminal(), text))
    assert plain_lines(watched) == watched
    written.encode()
    watched.encode()


def test_what_a_library_logs_is_a_fact_like_all_others() -> None:
    """A program that reads the log must not stumble over lines of another form; strangers can cause some."""
    stderr = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stderr", stderr)
        patch.setattr("logging.lastResort", None)
        logs.log_everything()
        library = logging.Logger("a.library")  # noqa: LOG001 - one that the tests have set up nothing for
        library.info("not worth a line")
        library.warning("Invalid HTTP request received.")
        library.error("cannot %s", "go on")
    facts = [json.loads(line) for line in stderr.getvalue().splitlines()]
    assert [(fact["event"], fact["level"], fact["logger"], fact["message"]) for fact in facts] == [
        ("library.message", "error", "a.library", "cannot go on")
    ]


def test_an_event_loop_writes_its_lines_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The listener for metrics has a loop beside the server's: a line of one must not wait until the other is idle."""
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    logs.log_everything()

    async def log(name: str) -> None:
        structlog.get_logger().info(name)
        while name not in _events(written):  # noqa: ASYNC110 - nobody tells that a line is written
            await asyncio.sleep(0)

    async def log_while_another_does() -> list[str]:
        structlog.get_logger().info("busy.first")
        other = threading.Thread(target=lambda: asyncio.run(log("other")))
        other.start()
        other.join()
        meanwhile = _events(written)
        await log("busy.second")
        return meanwhile

    assert asyncio.run(log_while_another_does()) == ["other"]
    assert _events(written) == ["other", "busy.first", "busy.second"]


def _events(written: io.StringIO) -> list[str]:
    return [json.loads(line)["event"] for line in written.getvalue().splitlines()]


def test_no_line_of_an_event_loop_is_lost_when_it_ends() -> None:
    """Lines of requests wait some milliseconds for others, and a server that is stopped has less time than that."""
    stderr = io.StringIO()

    async def serve(number: int) -> None:
        structlog.get_logger().info("request", number=number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stderr", stderr)
        logs.log_everything()
        for number in range(3):  # each in a loop of its own
            asyncio.run(serve(number))
        logs.write_waiting()
        structlog.get_logger().info("request", number=3)
    facts = [json.loads(line) for line in stderr.getvalue().splitlines()]
    assert sorted(fact["number"] for fact in facts) == [0, 1, 2, 3], "a loop that takes long writes its own before"


TEXTS = st.text(st.sampled_from('ab/ \\"{}:,\x00\x1b\n\x7f\x85é\u2028\u202e\ud800\U000e0041')) | st.text()
LINES = st.builds(
    RequestLine,
    method=TEXTS,
    path=TEXTS,
    status=st.none() | st.integers(100, 599),
    code=st.none() | st.integers(),
    outcome=TEXTS,
    duration_ms=st.floats(0, 1e9).map(lambda took: round(took, 3)),
    sent_bytes=st.integers(0, 2**62),
    caller=st.none() | TEXTS,
    client=TEXTS,
    request_id=TEXTS,
)


@given(line=LINES, encoding=st.sampled_from(["utf-8", "ascii"]))
def test_a_request_is_logged_as_any_other_event_is(line: RequestLine, encoding: str) -> None:
    """Its line is written in a way of its own, for speed; who reads the log must not be able to tell."""
    raw = io.BytesIO()
    stderr = io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace", newline="\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stderr", stderr)
        logs.log_everything()
        for log in (UsualLog(), logs.request_log()):
            log.tell(line)
    usual, other = (re.sub(rb'"at": "2[0-9T:.-]+Z"}$', b"", written) for written in raw.getvalue().splitlines())
    assert other == usual
    assert usual.endswith(b'"event": "request", "level": "info", ')


LOGS = """
import logging, structlog
from dayfile.cli import logs
logs.log_everything()
for number in range(1000):
    structlog.get_logger().info("job.worked_on", job=f"JS{number}")
logging.getLogger("a library").warning("trouble")
print("went on")
"""


def test_a_log_on_a_full_disk_loses_lines_and_nothing_else() -> None:
    """Facts are logged when they are done: an error would end the loop that did them, or the answer that says so."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", LOGS], stdout=subprocess.PIPE, stderr=full, text=True, check=False)
    assert done.stdout == "went on\n"
