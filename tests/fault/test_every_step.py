"""Fail at every step: the same story, dying (or failing) at its first I/O step, at its second, and so on to its last.

After each death the instance is started again, the sender sends what was not acknowledged, and the worker works until
there is nothing to do. Then nothing may be lost, doubled or half visible. This replaces guessing crash points.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from dayfile.errors import Transient
from dayfile.model.account import AccountSid
from dayfile.model.job import JobSid, Status
from dayfile.model.resource import MESSAGES
from tests.support.beginning import SESSIONS_OF_THE_DEAD, Beginning
from tests.support.deployment import CLUSTER, LOCAL, Deployment
from tests.support.records import Sent, newest
from tests.support.state import a_job_request, a_sid, an_account
from tests.support.steps import Died, Lane, Steps
from tests.support.world import World

# The thread that commits dies with the process that these tests kill.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning", SESSIONS_OF_THE_DEAD),
    pytest.mark.usefixtures("packed_files"),
    pytest.mark.timeout(1200),  # a story told dozens of times, and not one: a busy machine takes minutes
]

LANES = {LOCAL: 8, CLUSTER: 80}

LEAST_STEPS = 100
"""A story with fewer steps would have left a part of the house out."""

ACME, OTHER = a_sid("AC", "acme"), a_sid("AC", "other")
DAY, NEXT = "2026-11-01", "2026-11-02"


def _message(name: str, account: str, day: str, *, updated: int = 1, body: str = "hello") -> Sent:
    return Sent(
        account=account,
        name=name,
        created=f"{day}T10:00:00Z",
        updated=f"{day}T10:00:{updated:02}Z",
        body=body,
    )


def _noise(number: int) -> str:
    return "".join(a_sid("", f"{number} {part}") for part in range(60))  # does not compress, so it needs an object


# Three batches: small ones that lie inline, one that is an object of its own, versions across batches and days.
FIRST = [_message(f"m{n}", account, day) for n in range(3) for account in (ACME, OTHER) for day in (DAY, NEXT)]
LARGE = [_message(f"m{n}", ACME, DAY, updated=2, body=_noise(n)) for n in range(40)]
LATE = [_message("m1", ACME, DAY, updated=9, body="changed"), _message("new", OTHER, DAY)]


class Story:
    """The life of an instance, told so that it can be taken up again after any death."""

    def __init__(self) -> None:
        self.acknowledged: list[Sent] = []
        self.job: JobSid | None = None
        self._done = 0

    def run(self, world: World) -> None:
        """Go on from where it stopped, to its end."""
        chapters: Sequence[Callable[[World], None]] = (
            lambda world: self._send(world, "first", FIRST),
            lambda world: self._send(world, "large", LARGE),
            lambda world: self._send(world, "again", FIRST),  # a platform may send everything twice
            self._fold,
            self._work,
            lambda world: self._send(world, "late", LATE),
            self._submit,
            self._work,
            self.aftermath,
        )
        while self._done < len(chapters):
            chapters[self._done](world)
            self._done += 1

    def _send(self, world: World, key: str, batch: list[Sent]) -> None:
        world.accept(batch, idempotency_key=key)
        self.acknowledged += batch

    def _fold(self, world: World) -> None:
        while world.compaction.step():
            pass

    def _work(self, world: World) -> None:
        world.clock.pass_by(timedelta(minutes=11))
        world.work()

    def _submit(self, world: World) -> None:
        if self.job is None:
            with world.database.snapshot() as tx:
                account = tx.accounts.get(AccountSid(ACME))
                shown = tx.jobs.page(account.sid, MESSAGES, limit=2, over_since=world.clock.now())
            # A customer who got no answer looks whether the job is there before asking again.
            self.job = shown[0].sid if shown else world.jobs.submit(a_job_request(account, DAY, "2026-11-03")).sid

    def aftermath(self, world: World) -> None:
        """Let time pass: for what rests after trouble to be tried again, and for what nobody refers to to go."""
        for _ in range(3):
            world.clock.pass_by(timedelta(minutes=6))
            world.work()
        for _ in range(3):
            world.clock.pass_by(timedelta(minutes=31))
            while world.sweep.step():
                pass


@pytest.fixture
def beginning(deployment: Deployment, tmp_path: Path) -> Beginning:
    """A new instance with two accounts."""
    beginning = Beginning(deployment, tmp_path / "beginning")
    for name in ("acme", "other"):
        an_account(beginning.world.database, name, now=beginning.world.clock.now())
    beginning.world.worker.open_days()
    return beginning


def _check(world: World, story: Story) -> None:
    wanted = newest(story.acknowledged)
    for account, day in itertools.product((ACME, OTHER), (DAY, NEXT)):
        found = world.records(AccountSid(account), day)
        expected = {key[2]: sent for key, sent in wanted.items() if key[:2] == (account, day)}
        assert [record["sid"] for record in found] == sorted(expected), "every record once, in order"
        assert {record["sid"]: record["body"] for record in found} == {sid: s.body for sid, s in expected.items()}
    assert story.job is not None
    with world.database.snapshot() as tx:
        job = tx.jobs.get(story.job)
        statuses = [job_day.status for job_day in tx.jobs.days([job.sid])[job.sid]]
        waiting = tx.segments.waiting()
    assert job.over_at is not None
    assert statuses == [Status.COMPLETED, Status.COMPLETED, Status.COMPLETED_EMPTY_RECORDS]
    assert waiting == []
    assert world.findings() == []
    assert world.stored_keys() == world.referred_keys(), "no object is missing, none is left over"


def test_the_story_has_steps_in_every_part_of_the_house(beginning: Beginning, tmp_path: Path) -> None:
    """Else the tests below would prove less than they say."""
    world, story = beginning.copy(tmp_path / "world"), Story()
    story.run(world)
    _check(world, story)
    assert world.steps.taken > LEAST_STEPS
    beginning.end(world)


def test_dying_at_any_step_loses_and_doubles_nothing(beginning: Beginning, tmp_path: Path, lane: Lane) -> None:
    """Everything acknowledged is in its file once, in its newest version, whatever dies when."""
    for step in lane.steps():
        world, story = beginning.copy(tmp_path / str(step), steps=Steps(at=step)), Story()
        try:
            story.run(world)
        except Died:
            world = world.restarted()
            world.clock.pass_by(timedelta(minutes=2))  # leases of the dead run out
            story.run(world)
        else:
            assert step > LEAST_STEPS
            break
        _check(world, story)
        beginning.end(world)


def test_failing_at_any_step_is_retried_to_the_end(beginning: Beginning, tmp_path: Path, lane: Lane) -> None:
    """A full disk or a busy database: the sender is told to try again, and the worker does by itself."""
    for step in lane.steps():
        world, story = beginning.copy(tmp_path / str(step), steps=Steps(at=step, recovers=True)), Story()
        try:
            story.run(world)
        except Transient:
            world.clock.pass_by(timedelta(minutes=2))
            story.run(world)
        _check(world, story)
        beginning.end(world)
        if not world.steps.was_reached:
            assert step > LEAST_STEPS
            return
