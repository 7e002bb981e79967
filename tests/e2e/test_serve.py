"""Additions of `dayfile serve` to the app, proven on the real process: tests of the app bring their own server."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from dayfile.cli.exit_codes import Outcome
from tests.e2e.cli_instance import Instance, Server, serving
from tests.support.endless import send_head_without_end
from tests.support.raw import many, raw


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server on a new instance."""
    with serving(Instance(tmp_path)) as running:
        yield running


def test_a_head_without_an_end_is_given_up(server: Server) -> None:
    """Anybody may send one, without credentials, and all of it would be remembered."""
    assert send_head_without_end(server.url).startswith(b"HTTP/1.1 431 ")


def test_more_idle_connections_than_open_files_make_room_for_requests(tmp_path: Path) -> None:
    """They cost nothing to whoever opens them, and once reset every further request without a word in the log."""
    instance = Instance(tmp_path, open_files=(256, 1024))
    with serving(instance) as server, plenty_of_files(), many(server.url, 1200) as idle:
        with raw(server.url) as new:
            new.send(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert new.status() == 200
        assert idle[0].is_closed()
        events: dict[str, dict[str, Any]] = {}
        logged = instance.logged()
        while not {"open_files.few", "connections.full"} <= set(events):
            event = next(logged)
            events[event["event"]] = event
    # The soft limit was raised, or there would not be room for so many; and few files are something to know of.
    assert events["open_files.few"]["limit"] == 1024
    assert events["connections.full"]["limit"] > 256


@contextmanager
def plenty_of_files() -> Iterator[None]:
    """Let this process open as many files as it may."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.compat(57)
def test_a_host_name_that_some_clients_mangle_is_warned_of(tmp_path: Path) -> None:
    """The operator who chose it learns so before the first customer does."""
    instance = Instance(tmp_path, {"DAYFILE_PUBLIC_URL": "https://example.com"})
    with serving(instance):
        pass
    assert "Warning: Twilio's libraries for Node, Java and Go" in instance.log()


def test_a_start_says_that_it_made_a_new_instance_and_only_then(tmp_path: Path) -> None:
    """After a lost or mistyped setting the server runs, ready and empty; nothing else would tell until customers do."""
    instance = Instance(tmp_path)
    for _ in range(2):
        with serving(instance):
            pass
        assert instance.log().count(f"Made a new instance in {tmp_path / 'data'}: there was none.") == 1


def test_a_data_folder_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """After a downgrade: told what to do, and nothing that the newer version needs is touched."""
    instance = Instance(tmp_path)
    instance.run("init")
    database = tmp_path / "data" / "dayfile.sqlite"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
        before = list(connection.iterdump())
    refused = instance.run("serve", "--port", "0", expect=Outcome.FAILED)
    assert "newer version" in refused.stderr
    assert "Traceback" not in refused.stderr
    with closing(sqlite3.connect(database)) as connection:
        assert list(connection.iterdump()) == before


@pytest.mark.parametrize(
    ("variables", "client"),
    [({"FORWARDED_ALLOW_IPS": "*"}, "127.0.0.1"), ({"DAYFILE_TRUSTED_PROXIES": "127.0.0.1"}, "203.0.113.9")],
)
def test_only_trusted_proxies_say_who_asks(tmp_path: Path, variables: dict[str, str], client: str) -> None:
    """The HTTP server underneath has a setting of its own for that, which would believe anybody."""
    instance = Instance(tmp_path, variables)
    with serving(instance) as server:
        httpx2.get(f"{server.url}/healthz", headers={"X-Forwarded-For": "203.0.113.9"}, trust_env=False)
        line = next(line for line in instance.logged() if line["event"] == "request")
    assert line["client"] == client
