"""A BulkExports server of somebody who means harm: every text in its answers is aimed at the terminal of who asks."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import pytest

from dayfile.cli.controls import plain_lines
from dayfile.cli.exit_codes import Outcome

NASTY: Final = "a\x00\x07\x1b[31m\r\x7f\x85\x9b2J\u200b\u2028\u202e\u2066\ufeff\ud800\U000e0041"
JOB: Final = {
    "job_sid": NASTY,
    "resource_type": NASTY,
    "friendly_name": NASTY,
    "start_day": "2026-10-01",
    "end_day": "2026-10-02",
    "details": [{"status": NASTY, "count": 1, "days": ["2026-10-01"]}, {"status": "Completed", "count": 1, "days": []}],
    "job_queue_position": NASTY,
    "estimated_completion_time": NASTY,
    NASTY: NASTY,
}
DAY: Final = {"day": "2026-10-01", "size": 20, "create_date": NASTY, "friendly_name": NASTY, "resource_type": NASTY}
ANSWERS: Final = {
    "/v1/Exports/Messages/Jobs": {"meta": {"next_page_url": None}, "jobs": [JOB]},
    "/v1/Exports/Messages/Days": {"meta": {"next_page_url": None}, "days": [DAY]},
    "/v1/Exports/Messages/Days/2026-10-01": {"redirect_to": f"https://example.com/{NASTY}"},
    "/v1/Exports/Messages/Configuration": {"enabled": True, "webhook_url": NASTY, "webhook_method": NASTY},
    "/v1/Exports/Jobs/good": JOB,
    "/v1/Exports/Calls/Jobs": {"meta": {"next_page_url": f"/v1/{NASTY}"}, "jobs": []},
}
OWN: Final = re.compile(r"\r?\x1b\[(?!31m)[0-9;?]*[A-Za-z]")
"""The library writes controls of its own where there are colours: to draw a bar, and in no red but that of errors."""


class Hostile(BaseHTTPRequestHandler):
    """Answers with one of the answers above, or with an error that says something else than it seems to."""

    def do_GET(self) -> None:
        """Answer."""
        answer = ANSWERS.get(self.path.partition("?")[0])
        body = json.dumps(answer or {"code": NASTY, "message": NASTY}).encode()
        self.send_response(200 if answer else 400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_GET  # noqa: N815 - the names are the library's

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, str]]:
    """The variables that lead a command to it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Hostile) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{http.server_port}"
        yield {"DAYFILE_URL": url, "DAYFILE_ACCOUNT_SID": "AC1", "DAYFILE_AUTH_TOKEN": "secret"}
        http.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "words",
    [
        "jobs list Messages",
        "jobs list Messages --json",
        "jobs list Calls",
        "jobs show good",
        "jobs show good --json",
        "jobs watch good",
        "jobs watch bad",
        "jobs delete bad",
        "jobs create Messages 2026-10-01",
        "days list Messages",
        "days list Messages --json",
        "days list Calls",
        "days fetch Messages 2026-10-01",
        "days fetch Messages 2026-10-01 --json",
        "days download Messages 2026-10-01",
        "configuration show Messages",
        "configuration show Messages --json",
        "configuration show Calls",
    ],
)
@pytest.mark.parametrize("color", ["", "1"])
def test_no_answer_reaches_the_terminal_s_controls(
    server: dict[str, str], words: str, color: str, *, run: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user who looks at the jobs of another server trusts it with records, and not with the screen."""
    monkeypatch.chdir(tmp_path)
    done = run(*words.split(), **server, NO_COLOR="1", FORCE_COLOR=color)
    assert isinstance(done.exception, SystemExit | None)
    assert done.exit_code in {Outcome.DONE, Outcome.FAILED}
    assert done.output
    left = OWN.sub("", done.output) if color else done.output
    assert plain_lines(left) == left


@pytest.mark.parametrize(
    ("words", "answer"),
    [("jobs list Messages", [JOB]), ("jobs show good", JOB), ("days list Messages", [DAY])],
)
def test_json_is_the_answer_as_it_came(server: dict[str, str], words: str, answer: object, run: Any) -> None:
    """A value that is escaped for the terminal is the same for the program that reads it."""
    assert json.loads(run(*words.split(), "--json", **server).stdout) == answer
