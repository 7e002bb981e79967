"""Between the end of a job and a receiver that has heard of it: die, or fail, at every step of the way.

The receiver is a real one. Whatever happens, the job has one event for each channel, the receiver heard of it at least
once, and never of another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dayfile.delivery.dispatcher import LEASE
from dayfile.errors import DatabaseUnavailable, Transient
from dayfile.model.account import AccountSid
from dayfile.model.job import JobSid
from dayfile.model.notice import Channel, NoticeState
from tests.support.beginning import SESSIONS_OF_THE_DEAD, Beginning
from tests.support.callee import Callee, PlainTransport
from tests.support.deployment import CLUSTER, LOCAL, Deployment
from tests.support.sealed import sealed_days
from tests.support.state import a_job_request, a_sid, an_account
from tests.support.steps import Died, Lane, Steps
from tests.support.world import World

pytestmark = pytest.mark.filterwarnings(SESSIONS_OF_THE_DEAD)

ACME = AccountSid(a_sid("AC", "acme"))
LEAST_STEPS = 15
"""Submitting, claiming and publishing, then a claim, two ends of each attempt and its record: fewer would be a hole."""

LANES = {LOCAL: 1, CLUSTER: 20}


class Story:
    """A job with two receivers, from its submission to the delivery, told so that it can be taken up again."""

    def __init__(self) -> None:
        self.job: JobSid | None = None

    def run(self, world: World) -> None:
        """Go on from where it stopped, to its end."""
        if self.job is None:
            with world.database.snapshot() as tx:
                account = tx.accounts.get(ACME)
                there = tx.jobs.recent(limit=1)
            request = replace(
                a_job_request(account),
                webhook_url="https://a.example.com/",
                webhook_method="POST",
                email="a@b.example.com",
            )
            # A customer who got no answer looks whether the job is there before asking again.
            self.job = there[0].sid if there else world.jobs.submit(request).sid
        for _ in range(3):
            world.work()
            world.clock.pass_by(LEASE)  # what a dead process held, or what failed, is due again


@pytest.fixture
def beginning(deployment: Deployment, tmp_path: Path) -> Beginning:
    """An instance with one account, and a day of it that is sealed."""
    beginning = Beginning(deployment, tmp_path / "beginning")
    world = beginning.world
    account = an_account(world.database, now=world.clock.now())
    sealed_days(world.database, account.sid, list(a_job_request(account).days)[:1], now=world.clock.now())
    with world.database.snapshot() as tx:
        [sealed] = tx.sealed_days.after(0, limit=2)
    world.storage.put(sealed.place.object_key, [b"looked for when the storage is another one"])
    world.worker.open_days()
    return beginning


@pytest.fixture(scope="module")
def callee() -> Iterator[Callee]:
    """A receiver for all of these tests; their events have different sids."""
    callee = Callee()
    with callee.answering():
        yield callee


def _begin(beginning: Beginning, folder: Path, callee: Callee, steps: Steps, *, process: int) -> World:
    transport = PlainTransport(callee.port, step=lambda: steps.step(DatabaseUnavailable))
    return beginning.copy(folder, steps=steps, process=process, transport=transport)


def _check(world: World, story: Story, callee: Callee) -> None:
    assert story.job is not None
    with world.database.snapshot() as tx:
        assert tx.jobs.get(story.job).over_at is not None
        notices = tx.notices.page(limit=99)
    assert sorted(notice.channel.value for notice in notices) == sorted(channel.value for channel in Channel)
    assert {notice.state for notice in notices} == {NoticeState.DELIVERED}
    assert {event for event, count in callee.told.items() if count} == {notice.sid for notice in notices}
    assert callee.overlaps == []
    callee.told.clear()
    with world.database.snapshot() as tx:
        lanes = tx.lanes.overdue(before=world.clock.now(), limit=9)
    assert lanes == [], "nothing is left to do"


def test_the_way_has_steps(beginning: Beginning, tmp_path: Path, callee: Callee) -> None:
    """Else the tests below would prove less than they say."""
    world, story = _begin(beginning, tmp_path / "world", callee, Steps(), process=2), Story()
    story.run(world)
    assert sorted(callee.told.values()) == [1, 1]
    _check(world, story, callee)
    assert world.steps.taken > LEAST_STEPS
    beginning.end(world)


def test_dying_at_any_step_tells_of_one_event(beginning: Beginning, tmp_path: Path, callee: Callee, lane: Lane) -> None:
    """At least once, always under the same event sid, and never of a second event."""
    heard_twice = 0
    for step in lane.steps():
        # Another process number gives other event sids: a sid of the run before would be no surprise.
        world = _begin(beginning, tmp_path / str(step), callee, Steps(at=step), process=10 * step)
        story = Story()
        try:
            story.run(world)
        except Died:
            world.transport = PlainTransport(callee.port)
            world = world.restarted()
            story.run(world)
        else:
            assert step > LEAST_STEPS
            assert heard_twice or lane.of > 1, "somebody died between the answer and its record"
            _check(world, story, callee)
            beginning.end(world)
            return
        heard_twice += max(callee.told.values()) > 1
        _check(world, story, callee)
        beginning.end(world)


def test_failing_at_any_step_tells_of_one_event(
    beginning: Beginning, tmp_path: Path, callee: Callee, lane: Lane
) -> None:
    """A database that is away for a moment, or a call that fails: tried again, and no more than that."""
    for step in lane.steps():
        world = _begin(beginning, tmp_path / str(step), callee, Steps(at=step, recovers=True), process=10 * step)
        story = Story()
        try:
            story.run(world)
        except Transient:
            world.clock.pass_by(timedelta(minutes=2))
            story.run(world)
        _check(world, story, callee)
        beginning.end(world)
        if not world.steps.was_reached:
            assert step > LEAST_STEPS
            return
