"""`/readyz?verbose`: what the operator and this machine are told, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from dayfile.service import Service
from tests.support.console_server import ConsoleServer, console_served
from tests.support.mounts import change, small_disk

PUBLIC = "https://exports.example.com"


@pytest.fixture
def near(tmp_path: Path) -> Iterator[ConsoleServer]:
    """A server that goes by this machine's name."""
    with console_served(tmp_path) as running:
        yield running


@pytest.fixture
def public(tmp_path: Path) -> Iterator[ConsoleServer]:
    """A server that the world knows by a name."""
    with console_served(tmp_path, public_url=PUBLIC) as running:
        yield running


def asked(server: ConsoleServer, query: str = "?verbose", *, login: tuple[str, str] | None = None) -> httpx2.Response:
    """Ask as a program does."""
    return httpx2.get(f"{server.url}/readyz{query}", auth=login, trust_env=False)


def test_no_worker_is_told_and_the_status_is_the_same(near: ConsoleServer) -> None:
    """A balancer that asks must not take away servers that answer, since a worker on another machine is gone."""
    answer = asked(near)
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["status"]) == (200, "degraded")
    assert body["checks"]["workers"]["status"] == "warning"
    assert (body["checks"]["workers"]["running"], body["checks"]["workers"]["seen"]) == (0, [])
    assert body["checks"]["work"]["overdue"] == 0
    (disk,) = body["checks"]["space"]["disks"]
    assert disk["total_bytes"] >= disk["free_bytes"] >= 0
    assert {"percent", "bytes"} == body["checks"]["space"]["low_below"].keys()
    near.service.presence.step()
    (seen,) = asked(near).json()["checks"]["workers"]["seen"]
    assert seen["is_running"]


@pytest.mark.parametrize("query", ["", "?verbose=no", "?verbose=false", "?full"])
def test_who_does_not_ask_is_not_told(near: ConsoleServer, query: str) -> None:
    """Balancers read a short answer."""
    assert asked(near, query).json() == {"status": "ok"}


def test_only_the_operator_is_told_from_elsewhere(public: ConsoleServer) -> None:
    """By a key, or by the session of a browser; an account's credentials and wrong ones are as good as none."""
    new = public.service.administration.create_account(friendly_name="Acme")
    logins = (None, (new.account.sid, new.auth_token), (public.operator[0], "wrong"))
    for login in logins:
        answer = asked(public, login=login)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert "workers" in asked(public, login=public.operator).json()["checks"]
    with public.signed_in() as browser:
        # The session's cookie is for https, which stands before this server: the test is in its place.
        session = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies.jar)
        answer = browser.get("/readyz?verbose", headers={"Cookie": session})
        assert "workers" in answer.json()["checks"]


def test_what_does_not_work_is_one_of_the_checks(tmp_path: Path) -> None:
    """The operator asks for more exactly then, and is told how full the disk is."""
    with small_disk(tmp_path / "disk", megabytes=64) as disk, console_served(disk / "data") as server:
        server.service.database.close()  # for a test, only what is not open for writing can be made read-only
        change(disk, "ro")
        answer = asked(server)
        change(disk, "rw")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert answer.json()["checks"]["database"]["status"] == "bad"
    assert answer.json()["checks"]["space"]["disks"][0]["total_bytes"] == 64 << 20


def test_a_worker_of_a_server_is_seen_and_says_goodbye(tmp_path: Path) -> None:
    """`serve` and `work` do the same around their worker."""
    with console_served(tmp_path) as server:
        service: Service = server.service
        service.presence.start()
        assert asked(server).json()["checks"]["workers"]["running"] == 1
        service.presence.stop()
        assert asked(server).json()["checks"]["workers"]["seen"] == []
