"""The outbox: on every path on which a job ends, in the same commit, to everybody who asked, and never twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dayfile.model.day import Day
from dayfile.model.job import Claim, Job
from dayfile.model.notice import Channel, DayContent, JobContent, Notice, NoticeEvent
from dayfile.model.resource import MESSAGES
from tests.support.sealed import sealed_days
from tests.support.state import a_job_request, an_account
from tests.support.world import LEASE, NOTICE_LIFETIME, World

FIRST, SECOND, THIRD = (Day.parse(f"2026-11-0{n}") for n in (1, 2, 3))
HOOK, MAIL = "https://example.com/hook", "someone@example.com"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An instance with one account."""
    world = World(tmp_path)
    an_account(world.database, now=world.clock.now())
    return world


def _submit(world: World, *, webhook: bool = True, mail: bool = True) -> Job:
    with world.database.snapshot() as tx:
        [account] = tx.accounts.listed(after=None, limit=1)
    return world.jobs.submit(
        replace(
            a_job_request(account),
            webhook_url=HOOK if webhook else None,
            webhook_method="POST" if webhook else None,
            email=MAIL if mail else None,
        )
    )


def _claim(world: World) -> Claim:
    claim = world.job_queue.claim(worker="w")
    assert claim is not None
    return claim


def _notices(world: World) -> list[Notice]:
    with world.database.snapshot() as tx:
        return tx.notices.page(limit=99)[::-1]


@pytest.mark.compat(62)
def test_everybody_who_asked_is_told_once_when_the_last_day_is_done(world: World) -> None:
    """One for the job, not one a day; each with an event sid of its own."""
    sealed_days(world.database, _submit(world).account, [FIRST, THIRD], now=world.clock.now())
    claim = _claim(world)
    world.publishing.publish(claim, [FIRST, SECOND])
    assert _notices(world) == []
    world.publishing.publish(claim, [THIRD])
    mail, hook = _notices(world)
    assert (hook.channel, hook.receiver, hook.method) == (Channel.WEBHOOK, HOOK, "POST")
    assert (mail.channel, mail.receiver, mail.method) == (Channel.MAIL, MAIL, None)
    assert hook.sid != mail.sid
    for notice in (hook, mail):
        assert (notice.event, notice.job_sid) == (NoticeEvent.JOB_FINISHED, claim.job.sid)
        assert notice.content == JobContent(
            friendly_name="a job", days=claim.job.days, days_completed=2, days_empty=1, days_failed=0
        )


@pytest.mark.parametrize(
    ("webhook", "mail", "told"),
    [(True, False, [Channel.WEBHOOK]), (False, True, [Channel.MAIL]), (False, False, [])],
)
def test_only_those_who_asked_are_told(world: World, *, webhook: bool, mail: bool, told: list[Channel]) -> None:
    """Each channel by itself, and nobody where there is none."""
    _submit(world, webhook=webhook, mail=mail)
    claim = _claim(world)
    world.publishing.publish(claim, claim.job.days)
    assert [notice.channel for notice in _notices(world)] == told


def _give_up(world: World) -> Claim:
    """Fail days until no attempt is left."""
    claim = _claim(world)
    while True:
        world.job_queue.fail(claim, claim.job.days, error="no luck")
        world.clock.pass_by(timedelta(hours=2))
        following = world.job_queue.claim(worker="w")
        if following is None:
            return claim
        claim = following


def _lose(world: World) -> Claim:
    """Lose workers until no attempt is left."""
    claim = _claim(world)
    while True:
        world.clock.pass_by(LEASE + timedelta(hours=2))
        assert world.job_queue.take_back_expired() == 1
        world.clock.pass_by(timedelta(hours=2))
        following = world.job_queue.claim(worker="w")
        if following is None:
            return claim
        claim = following


@pytest.mark.parametrize("ended", [_give_up, _lose])
def test_a_job_that_failed_is_told_of_as_failed(tmp_path: Path, ended: object) -> None:
    """However its last day came to fail: a customer who waits must not wait for ever."""
    world = World(tmp_path, attempts=3)
    an_account(world.database, now=world.clock.now())
    _submit(world)
    assert callable(ended)
    ended(world)
    contents = [notice.content for notice in _notices(world)]
    assert len(contents) == 2
    for content in contents:
        assert isinstance(content, JobContent)
        assert (content.days_failed, content.has_failed) == (3, True)


@pytest.mark.compat(62)
def test_a_deleted_job_tells_nobody(world: World) -> None:
    """Neither one that waits nor one that runs: it is over when its worker reports, whatever it reports."""
    job = _submit(world)
    world.jobs.delete(job.account, job.sid)
    for report in (world.publishing.publish, world.job_queue.hand_back):
        job = _submit(world)
        claim = _claim(world)
        world.jobs.delete(job.account, job.sid)
        report(claim, claim.job.days)
        with world.database.snapshot() as tx:
            assert tx.jobs.get(job.sid).over_at is not None
    job = _submit(world)
    claim = _claim(world)
    world.jobs.delete(job.account, job.sid)
    world.job_queue.fail(claim, claim.job.days, error="no luck")
    assert _notices(world) == []


def test_deleting_a_job_that_is_over_takes_no_notice_back(world: World) -> None:
    """It happened."""
    job = _submit(world)
    claim = _claim(world)
    world.publishing.publish(claim, claim.job.days)
    world.jobs.delete(job.account, job.sid)
    assert len(_notices(world)) == 2


@pytest.mark.compat(62)
def test_a_daily_file_is_told_of_to_the_webhook_of_its_configuration(world: World) -> None:
    """One for each file, also for a day without records; none where nobody is named."""
    accounts = [an_account(world.database, name, now=world.clock.now()).sid for name in ("hooked", "silent")]
    world.enable(accounts[0], webhook_url=HOOK)
    world.enable(accounts[1])
    world.worker.open_days()
    world.clock.pass_by(timedelta(days=1))
    world.work()
    [notice] = _notices(world)
    with world.database.snapshot() as tx:
        [file] = tx.day_files.page(accounts[0], MESSAGES, limit=9, now=world.clock.now())
    assert (notice.account, notice.event, notice.method) == (accounts[0], NoticeEvent.DAY_EXPORTED, "POST")
    assert (notice.day, notice.generation) == (file.day, file.generation)
    assert notice.content == DayContent(friendly_name="Daily export", size_bytes=20)


@pytest.mark.compat(64)
def test_the_owner_is_told_that_a_job_has_started(world: World) -> None:
    """Somebody with the credentials asks for all records: whose they are may want to know."""
    owner = an_account(world.database, "owned", email="owner@example.com", now=world.clock.now())
    world.jobs.submit(a_job_request(owner))
    [notice] = _notices(world)
    assert (notice.event, notice.channel, notice.receiver) == (
        NoticeEvent.JOB_STARTED,
        Channel.MAIL,
        "owner@example.com",
    )
    assert isinstance(notice.content, JobContent)
    _submit(world, webhook=False, mail=False)
    assert len(_notices(world)) == 1, "no address is known there"


@pytest.mark.compat(64)
def test_nobody_is_told_of_a_start_where_that_is_turned_off(tmp_path: Path) -> None:
    """An operator's setting, for all accounts."""
    world = World(tmp_path, start_mails=False)
    world.jobs.submit(a_job_request(an_account(world.database, email="owner@example.com")))
    assert _notices(world) == []


def test_check_finds_a_job_whose_notice_is_missing(world: World) -> None:
    """Rows of one commit cannot come apart; if they do, this is how it is found out."""
    _submit(world, mail=False)
    claim = _claim(world)
    world.publishing.publish(claim, claim.job.days)
    world.work()
    assert world.findings() == []
    world.clock.pass_by(NOTICE_LIFETIME - timedelta(hours=1))
    with world.database.transaction() as tx:
        assert tx.notices.forget(ended_before=world.clock.now(), limit=9) == 1
    # Nobody has worked since: much else is overdue by then.
    assert [f for f in world.findings() if f.startswith("who waits for a job is told")]
    world.clock.pass_by(timedelta(hours=2))
    assert not [f for f in world.findings() if f.startswith("who waits")], "older ones may be forgotten"


def test_what_ended_long_ago_is_forgotten_by_the_worker(world: World) -> None:
    """The log of deliveries is kept for a while."""
    _submit(world)
    world.work()
    assert len(_notices(world)) == 2
    world.clock.pass_by(NOTICE_LIFETIME + timedelta(seconds=1))
    world.work()
    assert _notices(world) == []
