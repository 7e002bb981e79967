"""A server that stops while requests run: whoever is not waited for is told to send again, and the log has no trace."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from dayfile.api import records
from dayfile.cli.http_server import HttpServer, listen
from dayfile.web.limits import Limits
from tests.e2e.cli_instance import PATIENCE_SECONDS, Instance, Started, ready_address
from tests.support.intake_server import MAX_BODY_BYTES, PATH, served
from tests.support.raw import raw

PIECE = (b" " * 1023 + b"\n") * 64
PIECES = 2 * records.READ_WHOLE_BYTES // len(PIECE)


# The loop ends with a connection that it has cut off.
@pytest.mark.filterwarnings("ignore:unclosed resource:ResourceWarning")
def test_an_upload_that_is_not_waited_for_is_to_be_sent_again(tmp_path: Path) -> None:
    """500, or a trace in the log, says that there is a bug; senders repeat what is answered with 503."""
    with served(tmp_path) as server, listen("127.0.0.1", 0) as listening:
        app = server.service.api()
        basic = httpx2.BasicAuth(*server.operator)._auth_header.encode()
        stopping = HttpServer(app, listening, limits=Limits.within(4096), proxies=None, stop=None, finish_seconds=0.1)
        stopping.start()
        with raw(f"http://127.0.0.1:{listening.getsockname()[1]}") as upload:
            upload.send(b"POST %b HTTP/1.1\r\nHost: x\r\n" % PATH.encode())
            upload.send(b"Authorization: %b\r\nContent-Length: %d\r\n\r\n" % (basic, MAX_BODY_BYTES))
            for _ in range(PIECES):  # more than is on its way: it is streamed by now
                upload.send(PIECE)
            stopping.stop()
            status, body = upload.answer()
            stopping.join()
        line = server.log.line_about(PATH)
    assert (status, b"send it again" in body) == (503, True)
    assert (line["outcome"], line["level"], "exc_info" in line) == ("stopped", "info", False)


@pytest.mark.parametrize("options", [[], ["--processes", "2"]], ids=["one process", "several"])
def test_a_server_that_is_started_so_stops_when_its_input_ends(tmp_path: Path, options: list[str]) -> None:
    """The program that started it may be killed, and cannot stop it then; what runs is finished all the same."""
    command = [sys.executable, "-m", "dayfile", "serve", "--port", "0", "--until-stdin-ends", *options]
    with (
        (tmp_path / "log").open("w") as log,
        Started(
            command,
            cwd=tmp_path,
            env=Instance(tmp_path).environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as server,
    ):
        assert server.stdin is not None
        url = ready_address(server)
        server.stdin.write("what is said here is not read\n")
        server.stdin.flush()
        assert httpx2.get(f"{url}/healthz", trust_env=False).status_code == 200
        server.stdin.close()
        assert server.wait(PATIENCE_SECONDS) == 0
    assert "Traceback" not in (tmp_path / "log").read_text()
