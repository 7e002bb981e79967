"""The worker under a clock that jumps: what it does in the end is what it would have done under the right one."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from tests.support.clock import NOON, FakeClock
from tests.support.records import Sent
from tests.support.state import a_job_request, a_sid, an_account
from tests.support.world import World

ACME = AccountSid(a_sid("AC", "acme"))
GRACE = timedelta(hours=1)
UNSEEN = timedelta(minutes=11)
"""A jump of up to ten minutes across a boot, and one of a minute within it, is not seen."""

JUMPS = st.sampled_from([5, 90, 1800, 7200, 50 * 3600, 10 * 86400, 100 * 86400]).flatmap(
    lambda seconds: st.sampled_from([timedelta(seconds=seconds), -timedelta(seconds=seconds)])
)
WRONG_FOR = st.integers(1, 13).map(lambda minutes: timedelta(minutes=minutes))
WRONG = st.tuples(st.just("wrong"), JUMPS, WRONG_FOR, st.sampled_from(["", "restart", "boot"]))
RIGHT = st.tuples(st.just("right"), st.integers(1, 30).map(lambda hours: timedelta(hours=hours)))
OFF = st.tuples(st.just("off"), st.sampled_from([5, 30, 3000]).map(lambda minutes: timedelta(minutes=minutes)))


class Life:
    """An instance, the time that it really is, and what must hold of it."""

    def __init__(self, folder: Path) -> None:
        self.true = NOON
        self.clock = FakeClock()
        self.world = World(folder, clock=self.clock)
        self.account = an_account(self.world.database, "acme")
        self.world.work()
        self.world.enable(ACME)
        self.job = self.world.jobs.submit(a_job_request(self.account, "2026-11-20", "2026-11-20"))
        self.world.work()
        self.kept = {(str(file.day), file.generation): file.expires_at for file in self.world.listed(ACME)}
        self.names = itertools.count()

    def send(self) -> None:
        """Send a record of the day that it really is."""
        moment = f"{self.true:%Y-%m-%dT%H:%M:%SZ}"
        self.world.accept([Sent(account=ACME, name=f"{next(self.names)}", created=moment, updated=moment)])

    def live(self, duration: timedelta, *, step: timedelta = timedelta(hours=2)) -> None:
        """Let time pass while the worker works."""
        until = self.true + duration
        while self.true < until:
            passed = min(step, until - self.true)
            self.true += passed
            self.clock.pass_by(passed)
            self.world.work(ticks=1000)

    def go_wrong(self, by: timedelta, duration: timedelta, how: str) -> None:
        """Have the clock jump, and set it right after a while."""
        self.clock.set(self.true + by)
        if how == "boot":
            self.clock.boot_after(timedelta(0))
        if how:
            self.world = self.world.restarted()
        self.world.work()
        self.live(duration, step=timedelta(minutes=5))
        self.clock.set(self.true)
        self.world.work()

    def be_off(self, duration: timedelta) -> None:
        """Switch the machine off, and on again."""
        self.true += duration
        self.clock.boot_after(duration)
        self.world = self.world.restarted()
        self.world.work()

    def check(self) -> None:
        """Nothing is forgotten, opened or published that should not be."""
        for file in self.world.listed(ACME):
            self.kept.setdefault((str(file.day), file.generation), file.expires_at)
            assert file.day.end + GRACE <= self.true + UNSEEN, "no day is published before its time"
        listed = {(str(file.day), file.generation) for file in self.world.listed(ACME)}
        latest = dict(sorted(self.kept, key=lambda one: one[1]))
        wanted = {
            (day, generation) for day, generation in latest.items() if self.kept[day, generation] > self.true + UNSEEN
        }
        assert wanted <= listed, "no published day is forgotten"
        with self.world.database.snapshot() as tx:
            newest = max(tx.seals.newest_days().values(), default=None)
            if self.true < NOON + timedelta(days=6):
                assert tx.jobs.get(self.job.sid).over_at is not None
        assert newest is not None
        assert newest <= Day.of(self.true + UNSEEN)

    def check_all(self) -> None:
        """After two days in peace, every day that is over was exported once, in the order of the days."""
        self.live(timedelta(hours=51), step=timedelta(hours=3))
        self.check()
        exported = [day for day, _ in sorted(self.kept, key=lambda one: one[1]) if day != "2026-11-20"]
        over = Day.of(self.true - GRACE)
        wanted = [str(Day.of(NOON) + offset) for offset in range((over.date - NOON.date()).days)]
        assert exported == wanted
        assert self.world.findings() == []


@given(steps=st.lists(st.one_of(WRONG, RIGHT, OFF), max_size=6))
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_clock_that_jumps_changes_nothing_in_the_end(steps: list[tuple[object, ...]]) -> None:
    """From seconds to months, forward and back, across restarts and boots: what is done is right, and done once."""
    folder = Path(tempfile.mkdtemp(prefix="dayfile-"))
    life = Life(folder)
    try:
        for step in steps:
            match step:
                case ("wrong", timedelta() as by, timedelta() as duration, str() as how):
                    life.go_wrong(by, duration, how)
                case ("right", timedelta() as duration):
                    life.live(duration)
                case ("off", timedelta() as duration):
                    life.be_off(duration)
                case _:
                    raise AssertionError(step)
            life.send()
            life.check()
        life.check_all()
    finally:
        life.world.close()
        shutil.rmtree(folder)


def test_three_months_that_were_slept_through_are_caught_up_in_the_order_of_days(tmp_path: Path) -> None:
    """It is doubted for a day, in which files are made of what comes in; then every day is exported, oldest first."""
    life = Life(tmp_path)
    life.send()
    life.be_off(timedelta(days=90))
    moment = f"{life.true - timedelta(days=3):%Y-%m-%dT%H:%M:%SZ}"
    life.world.accept([Sent(account=ACME, name="in the gap", created=moment, updated=moment)])
    life.live(timedelta(hours=23))
    assert life.world.listed(ACME) == [], "nothing is published under a clock that is not trusted"
    assert life.world.sealed(ACME, moment[:10]) is not None, "records have their files"
    assert any("the clock is trusted" in finding for finding in life.world.findings())
    life.live(timedelta(hours=2))
    days = [str(file.day) for file in life.world.listed(ACME)]
    assert days == [str(Day.of(NOON) + offset) for offset in range(91)]
    [gap] = [file for file in life.world.listed(ACME) if str(file.day) == moment[:10]]
    assert gap.sealed is not None
    assert life.world.findings() == []
    life.world.close()
