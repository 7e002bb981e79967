"""Metrics from outside: who may read them, and that they follow what happens."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path

import httpx2
import pytest

from dayfile.checks.state_metrics import FRESH_FOR_SECONDS
from dayfile.model.credential import Scope
from tests.e2e.cli_instance import Instance, serving
from tests.support import server
from tests.support.face import Face, Login, served_face
from tests.support.records import Sent, body_of
from tests.support.scraped import Scraped

SID = re.compile(r"[A-Z]{2}[0-9a-f]{32}")


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Face]:
    """One instance."""
    with served_face(tmp_path_factory.mktemp("face")) as face:
        yield face


@pytest.fixture(scope="module")
def operator(face: Face) -> tuple[str, str]:
    """An operator's key."""
    new = face.administration.create_key(account=None, scopes=[Scope.INTAKE])
    return new.key.sid, new.secret


def read(face: Face, login: tuple[str, str]) -> Scraped:
    """The metrics as they are now."""
    face.clock.pass_by(timedelta(seconds=FRESH_FOR_SECONDS))
    answer = httpx2.get(f"{face.url}/metrics", auth=login, trust_env=False)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return Scraped.of_text(answer.text)


def test_only_a_key_of_the_operator_reads_them(face: Face, operator: tuple[str, str]) -> None:
    """The amount that a platform sends, and the parts of it that fail, are nobody else's business."""
    acme = face.account()
    answers = [httpx2.get(f"{face.url}/metrics", auth=login, trust_env=False) for login in (None, acme.basic, operator)]
    assert [answer.status_code for answer in answers] == [401, 403, 200]
    assert "WWW-Authenticate" in answers[0].headers
    assert "dayfile_" not in answers[0].text + answers[1].text


def test_they_follow_what_happens(face: Face, operator: tuple[str, str]) -> None:
    """Records by their type, requests by their route, and logins that fail."""
    acme = face.account()
    before = read(face, operator)
    when = "2026-11-20T10:00:00Z"
    messages = [Sent(account=acme.sid, name=name, created=when, updated=when) for name in ("one", "two")]
    body = body_of(messages) + b'{"sid": "none"}\n'
    sent = httpx2.post(f"{face.url}/v1/Records/Messages", auth=operator, content=body, trust_env=False)
    assert (sent.json()["accepted"], sent.json()["rejected"]) == (2, 1)
    httpx2.get(f"{face.url}/v1/Exports/Messages/Days", auth=(acme.sid, "wrong"), trust_env=False)
    after = read(face, operator)

    def risen(name: str, **labels: str) -> float:
        return (after.value(name, **labels) or 0) - (before.value(name, **labels) or 0)

    assert risen("records_accepted_total", resource_type="Messages") == 2
    assert risen("records_rejected_total", resource_type="Messages") == 1
    assert risen("records_accepted_total", resource_type="Calls") == 0
    assert risen("waiting_records", resource_type="Messages") == 2
    assert risen("failed_logins_total") == 1
    route = "/v1/Records/{ResourceType}"
    assert risen("requests_total", method="POST", route=route, status="200") == 1
    assert risen("request_seconds_count", method="POST", route=route) == 1


def test_no_label_names_a_customer(face: Face, operator: tuple[str, str]) -> None:
    """Labels stay in Prometheus for weeks, are read by many, and each value of one is another series."""
    acme: Login = face.account()
    with face.client(acme) as client:
        for path in (f"/v1/Exports/Jobs/JS{'0' * 32}", f"/v1/Accounts/{acme.sid}", f"/{acme.sid}", "/nothing/at/all"):
            httpx2.get(face.url + path, auth=acme.basic, trust_env=False)
        client.get("/v1/Exports/Messages/Days")
    scraped = read(face, operator)
    assert not [labels for _, labels in scraped.samples if SID.search(repr(labels))]
    routes = {dict(labels)["route"] for name, labels in scraped.samples if name == "dayfile_requests_total"}
    assert {"none", "/v1/Exports/Jobs/{JobSid}", "/v1/Exports/{ResourceType}/Days"} <= routes


def test_a_listener_of_its_own_has_nothing_else(face: Face) -> None:
    """It asks nobody for a key: what it answers must be no more than numbers."""
    with server.serving(lambda _: face.service.insight.metrics.app()) as url:
        assert "dayfile_database_up 1.0" in httpx2.get(f"{url}/metrics", trust_env=False).text
        for path in ("/", "/v1/Accounts", "/readyz?verbose", "/docs"):
            assert httpx2.get(url + path, trust_env=False).status_code == 404
        assert httpx2.post(f"{url}/metrics", trust_env=False).status_code == 405


@pytest.mark.slow
def test_processes_that_answer_together_are_one_in_metrics(tmp_path: Path) -> None:
    """One scrape meets one of them, and must not depend on which."""
    instance = Instance(tmp_path, {"DAYFILE_METRICS_LISTEN": "127.0.0.1:0"})
    with serving(instance, "--processes", "2") as running:
        listener = next(line for line in instance.logged() if line["event"] == "metrics.listening")
        with httpx2.Client(trust_env=False) as client:
            for _ in range(20):
                client.get(f"{running.url}/healthz", headers={"Connection": "close"})
            # It is counted some milliseconds after its answer, and no later than its line can be read.
            lines = (line for line in instance.logged() if line.get("path") == "/healthz")
            assert len(list(islice(lines, 20))) == 20
            scraped = Scraped.of_text(client.get(f"http://127.0.0.1:{listener['port']}/metrics").text)
    assert scraped.value("requests_total", method="GET", route="/healthz", status="200") == 20
    assert scraped.value("database_up") == 1


def test_a_listener_that_is_taken_is_said_before_anything_begins(tmp_path: Path) -> None:
    """A second `work` on one machine has another port; an operator who forgot that reads which setting it is."""
    instance = Instance(tmp_path, {"DAYFILE_METRICS_LISTEN": "127.0.0.1:http"})
    assert "DAYFILE_METRICS_LISTEN" in instance.run("serve", "--port", "0", expect=1).stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        instance = Instance(tmp_path, {"DAYFILE_METRICS_LISTEN": f"127.0.0.1:{taken.getsockname()[1]}"})
        refused = instance.run("work", expect=1).stderr
    assert "another process listens there" in refused
    assert "DAYFILE_METRICS_LISTEN" in refused
    assert not (tmp_path / "data").exists()
