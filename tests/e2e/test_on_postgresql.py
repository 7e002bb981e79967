"""Processes on PostgreSQL: a server and a worker with folders of their own, of which either may be cut off."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import make_url

from tests.e2e.cli_instance import PATIENCE_SECONDS, Instance, serving
from tests.support.cut_line import CutLine, a_line_to
from tests.support.postgres_server import PASSWORD, PostgresServer
from tests.support.records import Sent, body_of
from tests.support.state import KEY_TEXT

DAY = "2026-10-01"


@dataclass
class Hosts:
    """Two hosts of one instance."""

    server: Instance  # reaches the database by the line
    worker: Instance
    line: CutLine
    url: str
    account: tuple[str, str]
    operator: tuple[str, str]


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """A server and a worker that run."""
    postgres = PostgresServer(Path(tempfile.mkdtemp(prefix="dayfile-")))
    direct = postgres.a_database()
    common = {
        "DAYFILE_DATABASE_URL": direct,
        "DAYFILE_SECRET_KEY": KEY_TEXT,
        "DAYFILE_STORAGE_URL": f"file://{tmp_path_factory.mktemp('objects')}",
    }
    worker = Instance(tmp_path_factory.mktemp("worker"), common)
    worker.run("init")
    account = worker.json("accounts", "create")
    key = worker.json("keys", "create", "--operator")
    with a_line_to(postgres.socket) as line:
        parts = make_url(direct).set(host="127.0.0.1", port=line.port, query={"sslmode": "disable"})
        by_line = {**common, "DAYFILE_DATABASE_URL": parts.render_as_string(hide_password=False)}
        server = Instance(tmp_path_factory.mktemp("server"), by_line)
        with serving(server, "--no-worker") as running, worker.start("work") as working:
            assert working.stdout is not None
            assert "works on postgresql://dayfile:***@" in working.stdout.readline()
            yield Hosts(
                server=server,
                worker=worker,
                line=line,
                url=running.url,
                account=(account["account_sid"], account["auth_token"]),
                operator=(key["sid"], key["secret"]),
            )
            working.terminate()
            working.communicate(timeout=PATIENCE_SECONDS)
    postgres.stop()


def _send(hosts: Hosts, name: str) -> httpx2.Response:
    at = f"{DAY}T10:00:00Z"
    body = body_of([Sent(account=hosts.account[0], name=name, created=at, updated=at, body=name)])
    return httpx2.post(f"{hosts.url}/v1/Records/Messages", content=body, auth=hosts.operator, timeout=PATIENCE_SECONDS)


def _event(instance: Instance, name: str) -> dict[str, Any]:
    return next(event for event in instance.logged() if event["event"] == name)


def test_a_job_of_one_host_is_done_by_another_and_fetched_from_the_first(hosts: Hosts) -> None:
    """They have nothing in common but the database, the objects and the key."""
    assert _send(hosts, "m").status_code == 200
    job = httpx2.post(
        f"{hosts.url}/v1/Exports/Messages/Jobs",
        data={"StartDay": DAY, "EndDay": DAY, "FriendlyName": "a job"},
        auth=hosts.account,
    )
    assert job.status_code == 201
    assert _event(hosts.worker, "job.worked_on")["days"] == 1
    fetched = httpx2.get(f"{hosts.url}/v1/Exports/Messages/Days/{DAY}", auth=hosts.account, follow_redirects=True)
    assert b'"body":"m"' in gzip.decompress(fetched.content)
    checked = hosts.worker.run("check", "--deep")
    assert "All is well" in checked.stdout
    assert "wake" not in checked.stderr


def test_a_server_that_is_cut_off_says_so_and_goes_on_when_it_is_not(hosts: Hosts) -> None:
    """Senders are told to come again; nobody has to start anything."""
    assert _send(hosts, "before").status_code == 200
    hosts.line.cut()
    assert httpx2.get(f"{hosts.url}/healthz").status_code == 200
    refused = _send(hosts, "meanwhile")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert httpx2.get(f"{hosts.url}/readyz").status_code == 503
    assert _event(hosts.server, "wake_ups.unheard")["reason"]
    hosts.line.mend()
    assert _send(hosts, "meanwhile").status_code == 200
    assert _event(hosts.server, "wake_ups.heard")
    assert PASSWORD not in hosts.server.log() + hosts.worker.log()
