"""Each cause of an alert, made to happen: the metrics, `/readyz`, the page and `dayfile status` say the same of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from dayfile.checks.vitals import FAILING_FOR
from dayfile.model.notice import Result
from dayfile.model.seen_worker import GONE_AFTER
from dayfile.objects.scrub import WALK_EVERY
from tests.support.damage import flip
from tests.support.full import fill
from tests.support.mounts import small_disk
from tests.support.notices import RecordingTransport, a_notice, an_outcome, told
from tests.support.onlooker import Onlooker, looked_at
from tests.support.recorded_log import recorded_log
from tests.support.records import Sent
from tests.support.state import an_account
from tests.support.world import World

OK: tuple[str, dict[str, str]] = ("ok", {})


class Seen:
    """A world with a worker that runs, and somebody who looks at it."""

    def __init__(self, world: World, onlooker: Onlooker) -> None:
        self.world, self.agreed, self.scraped = world, onlooker.agreed, onlooker.scraped

    def value(self, name: str, **labels: str) -> float | None:
        """A metric as it is now."""
        return self.scraped().value(name, **labels)

    def pass_by(self, duration: timedelta) -> None:
        """Let time pass, while the worker says that it runs."""
        self.world.clock.pass_by(duration)
        self.world.service.presence.step()


@pytest.fixture
def seen_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], AbstractContextManager[Seen]]:
    """Make one in a folder."""

    @contextmanager
    def made(folder: Path) -> Iterator[Seen]:
        with recorded_log():
            world = World(folder, scrub_days=7, transport=RecordingTransport(lambda _: an_outcome(Result.FAILED)))
            world.service.presence.step()
            try:
                with looked_at(world, monkeypatch) as onlooker:
                    yield Seen(world, onlooker)
            finally:
                world.close()
        structlog.reset_defaults()

    return made


@pytest.fixture
def seen(tmp_path: Path, seen_in: Callable[[Path], AbstractContextManager[Seen]]) -> Iterator[Seen]:
    """One that is well."""
    with seen_in(tmp_path) as seen:
        assert seen.agreed() == OK
        yield seen


def test_a_worker_that_stopped(seen: Seen) -> None:
    """Nothing is sealed, exported or sent, and everything still answers."""
    assert seen.value("workers_running") == 1
    seen.world.clock.pass_by(GONE_AFTER)
    assert seen.agreed() == ("degraded", {"workers": "warning"})
    assert seen.value("workers_running") == 0
    seen.world.service.presence.step()
    assert seen.agreed() == OK


def test_a_day_that_is_overdue(seen: Seen) -> None:
    """It is known from its end on how long it waits, and that it is too long after two days."""
    seen.world.worker.open_days()
    assert seen.value("unsealed_day_age_seconds", resource_type="Messages") == 0
    seen.pass_by(timedelta(days=1))
    assert seen.agreed() == OK
    assert 12 * 3600 < (seen.value("unsealed_day_age_seconds", resource_type="Messages") or 0) < 13 * 3600
    seen.pass_by(timedelta(days=2))
    assert seen.agreed() == ("degraded", {"work": "bad"})
    assert seen.value("overdue") == 4  # one of each type


def test_a_job_that_nobody_takes_up_and_records_that_wait(seen: Seen) -> None:
    """The metrics have how much waits and for how long: an operator plots both."""
    acme = an_account(seen.world.database, "acme").sid
    when = "2026-11-20T10:00:00Z"
    seen.world.accept([Sent(account=acme, name="one", created=when, updated=when)])
    seen.pass_by(timedelta(minutes=10))
    scraped = seen.scraped()
    assert scraped.value("waiting_records", resource_type="Messages") == 1
    assert (scraped.value("waiting_bytes", resource_type="Messages") or 0) > 0
    assert (scraped.value("waiting_age_seconds", resource_type="Messages") or 0) >= 600
    assert scraped.value("records_accepted_total", resource_type="Messages") == 1
    seen.world.seal("2026-11-20")
    scraped = seen.scraped()
    assert scraped.value("waiting_records", resource_type="Messages") == 0
    assert scraped.value("sealed_lines_total", resource_type="Messages") == 1
    assert scraped.value("seal_seconds_count", resource_type="Messages") == 1


def test_notices_that_fail(seen: Seen) -> None:
    """Notices that fail for a quarter of an hour, while none arrives, are more than one customer's server."""
    acme = an_account(seen.world.database, "acme").sid
    told(seen.world.database, a_notice(acme), now=seen.world.clock.now())
    assert seen.value("notices_pending") == 1
    assert seen.world.dispatcher.step()
    scraped = seen.scraped()
    assert scraped.value("notices_failing", channel="webhook") == 1
    assert scraped.value("notice_attempts_total", channel="webhook", result="failed") == 1
    assert seen.agreed() == OK
    seen.pass_by(FAILING_FOR)
    seen.world.dispatcher.step()
    assert seen.agreed() == ("degraded", {"notices": "warning"})
    assert (seen.value("notice_failing_age_seconds") or 0) >= FAILING_FOR.total_seconds()


def test_one_receiver_among_many_that_fails(seen: Seen) -> None:
    """It is counted, and nobody is woken: its owner knows, and a sign that is always yellow says nothing."""
    acme = an_account(seen.world.database, "acme").sid
    hosts = ("https://gone.example", "https://one.example", "https://two.example")
    transport = seen.world.transport
    assert isinstance(transport, RecordingTransport)
    transport.answer = lambda notice: an_outcome(Result.FAILED if notice.receiver == hosts[0] else Result.DELIVERED)
    told(seen.world.database, *(a_notice(acme, host, receiver=host) for host in hosts), now=seen.world.clock.now())
    while seen.world.dispatcher.step():
        pass
    seen.pass_by(2 * FAILING_FOR)
    seen.world.dispatcher.step()
    assert seen.agreed() == OK
    assert seen.value("receivers_failing", channel="webhook") == 1


def test_a_storage_that_is_away(seen: Seen) -> None:
    """No record can be taken in and no file sent."""
    folder = seen.world.folder / "objects"
    folder.rename(seen.world.folder / "elsewhere")
    folder.write_text("not a folder")
    assert seen.agreed() == ("unavailable", {"storage": "bad"})
    folder.unlink()
    (seen.world.folder / "elsewhere").rename(folder)
    assert seen.agreed() == OK


def test_a_database_that_is_damaged(seen: Seen) -> None:
    """Figures that need the database are left out everywhere, and all others are still told."""
    seen.world.database.close()
    with (seen.world.folder / "dayfile.sqlite").open("r+b") as file:
        file.write(bytes(1 << 16))
    for name in ("wal", "shm"):
        (seen.world.folder / f"dayfile.sqlite-{name}").unlink(missing_ok=True)
    assert seen.agreed() == ("unavailable", {"database": "bad"})
    assert seen.value("jobs_unfinished") is None
    assert seen.scraped().names >= {"dayfile_disk_free_bytes", "dayfile_records_accepted_total"}


def test_a_clock_that_jumped(seen: Seen) -> None:
    """Deletion waits for hours where it cannot be undone."""
    seen.world.clock_watch.step()
    seen.world.clock.set(seen.world.clock.now() + timedelta(hours=5))
    seen.world.clock_watch.step()
    seen.world.service.presence.step()
    seen.world.clock.pass_by(timedelta(seconds=15))
    seen.world.service.presence.step()
    status, signs = seen.agreed()
    assert (status, signs["clock"]) == ("degraded", "bad")
    assert seen.value("clock_doubted") == 1
    assert seen.value("overdue") is None


def test_a_file_that_is_damaged(seen: Seen) -> None:
    """The scrub finds it before a customer asks for it."""
    acme = an_account(seen.world.database, "acme").sid
    when = "2026-11-20T10:00:00Z"
    seen.world.accept([Sent(account=acme, name="one", created=when, updated=when)])
    seen.world.seal("2026-11-20")
    sealed = seen.world.sealed(acme, "2026-11-20")
    assert sealed is not None
    flip(seen.world.folder / "objects" / sealed.place.object_key)
    for _ in range(3):
        seen.pass_by(max(WALK_EVERY, timedelta(hours=2)))
        seen.world.scrub.step()
    assert seen.agreed() == ("degraded", {"objects": "bad"})
    assert seen.value("damaged_objects") == 1


def test_a_disk_that_is_nearly_full(tmp_path: Path, seen_in: Callable[[Path], AbstractContextManager[Seen]]) -> None:
    """Operators are told while there is room left to do something about it."""
    with small_disk(tmp_path / "disk", megabytes=64) as disk, seen_in(disk) as seen:
        assert seen.agreed() == OK
        filler = fill(disk, but=4_000_000)
        assert seen.agreed() == ("degraded", {"space": "warning"})
        filler.unlink()
        fill(disk, but=1_000_000)
        assert seen.agreed() == ("degraded", {"space": "bad"})
        free = [value for (name, _), value in seen.scraped().samples.items() if name == "dayfile_disk_free_bytes"]
        assert 0 < free[0] < 2_000_000
