"""Wake-ups between processes, on a real server: prompt where they are heard, missed by nobody where they are not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from dayfile.clock import SystemClock
from dayfile.store.database import Database
from dayfile.work import wake_ups as module
from dayfile.work.wake_ups import WakeUps
from tests.support.postgres import a_postgres_url
from tests.support.recorded_log import recorded_log

PATIENCE_SECONDS = 20


@pytest.fixture
def url() -> str:
    """A database of a real server."""
    return a_postgres_url()


@contextmanager
def _process(url: str, name: str, *, listens_at: str | None = None) -> Iterator[tuple[WakeUps, threading.Event]]:
    woken = threading.Event()
    with closing(Database.connect(url)) as database:
        yield (
            WakeUps(database, url=listens_at or url, name=name, clock=SystemClock(), wakes={"jobs": woken.set}),
            woken,
        )


def _awaken(wake_ups: WakeUps, woken: threading.Event) -> None:
    """Begin to listen, and forget that it is woken then."""
    wake_ups.start()
    assert woken.wait(PATIENCE_SECONDS)
    woken.clear()


def test_a_process_wakes_another_one(url: str) -> None:
    """A customer's job begins in the worker's process, and was submitted in the server's."""
    with _process(url, "server") as (server, _), _process(url, "worker") as (worker, woken):
        _awaken(worker, woken)
        server.tell("jobs")  # as a command does: it has no thread
        assert woken.wait(PATIENCE_SECONDS)
        woken.clear()
        server.start()
        server.tell("jobs")
        assert woken.wait(PATIENCE_SECONDS)
        server.stop()
        worker.stop()


def test_a_session_that_broke_listens_again_and_has_missed_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wake-ups that were missed are not repeated: so the process wakes its own loops."""
    monkeypatch.setattr(module, "_AGAIN_SECONDS", 0.0)
    with _process(url, "worker") as (worker, woken), recorded_log() as log:
        _awaken(worker, woken)
        with closing(Database.connect(url)) as other, other.transaction() as tx:
            tx._connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND query LIKE 'LISTEN%%'"
            )
        assert woken.wait(PATIENCE_SECONDS)
        assert "broke" in log.next("wake_ups.unheard")["reason"]
        worker.stop()


def test_a_process_that_does_not_hear_itself_says_so(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a pooler nothing arrives, and nobody would know why jobs begin a second late."""
    monkeypatch.setattr(module, "HEARD_WITHIN_SECONDS", 0.0)
    elsewhere = a_postgres_url()  # what is told in one database is not heard in another
    with _process(url, "worker", listens_at=elsewhere) as (worker, woken), recorded_log() as log:
        _awaken(worker, woken)
        assert "did not arrive" in log.next("wake_ups.unheard")["reason"]
        monkeypatch.setattr(module, "HEARD_WITHIN_SECONDS", 0.3)  # in no time nothing would be heard anywhere
        assert not worker.are_heard()
        worker.stop()
    with _process(url, "worker") as (worker, _):
        monkeypatch.setattr(module, "HEARD_WITHIN_SECONDS", PATIENCE_SECONDS)
        assert worker.are_heard()


def test_telling_never_fails(url: str) -> None:
    """The job is committed: its answer is not spoiled by what is only to make it prompt."""
    with _process(url, "server") as (server, _):
        server._database.close()
        server._database = Database.connect("postgresql://nobody@127.0.0.1:1/nowhere")
        server.tell("jobs")
