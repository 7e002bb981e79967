"""The life of records from their arrival to the day when all that was published of them is forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from dayfile.model.account import AccountSid
from dayfile.model.job import Status
from dayfile.model.notice import NoticeState
from tests.support.deployment import Place
from tests.support.notices import RecordingTransport
from tests.support.records import Sent
from tests.support.state import a_job_request, an_account
from tests.support.world import SWEEP_DELAY, World

DAY = "2026-11-01"
HOOK, MAIL = "https://example.com/hook", "someone@example.com"


def _sent(account: AccountSid, name: str, *, second: int, body: str) -> Sent:
    at = f"{DAY}T10:00:00Z"
    return Sent(account=account, name=name, created=at, updated=f"{at[:-3]}{second:02}Z", body=body)


def test_what_is_accepted_is_sealed_published_told_and_forgotten(tmp_path: Path, place: Place) -> None:
    """Each step in a process of its own: what one has committed is all that the next one knows."""
    transport = RecordingTransport()
    world = World(tmp_path, database=place.database, storage=place.storage, transport=transport)
    acme = an_account(world.database, "acme", email=MAIL)
    first = [_sent(acme.sid, name, second=1, body=name) for name in ("m", "n")]
    receipt = world.accept(first, idempotency_key="k")
    world = world.restarted()
    assert world.accept(first, idempotency_key="k") == receipt
    world.accept([_sent(acme.sid, "m", second=2, body="second")])
    world.seal(DAY)
    assert sorted(str(record["body"]) for record in world.records(acme.sid, DAY)) == ["n", "second"]

    world.accept([_sent(acme.sid, "late", second=3, body="late")])
    job = world.jobs.submit(replace(a_job_request(acme), webhook_url=HOOK, webhook_method="POST", email=MAIL))
    world = world.restarted()
    world.work()
    with world.database.snapshot() as tx:
        statuses = [day.status for day in tx.jobs.days([job.sid])[job.sid]]
        notices = tx.notices.page(limit=9)
    assert statuses == [Status.COMPLETED, Status.COMPLETED_EMPTY_RECORDS, Status.COMPLETED_EMPTY_RECORDS]
    published = {str(file.day): file for file in world.listed(acme.sid)}[DAY]
    assert published.sealed is not None
    assert len(world.records_of(published.sealed)) == 3, "a job over a day brings what came late"
    assert {notice.receiver for notice, _ in transport.given} == {HOOK, MAIL}
    assert {notice.sid for notice in notices} == {notice.sid for notice, _ in transport.given}

    world = world.restarted()
    world.clock.pass_by(timedelta(days=8))
    world.work()
    world.clock.pass_by(SWEEP_DELAY + timedelta(seconds=1))
    world.work()
    assert world.listed(acme.sid) == []
    with world.database.snapshot() as tx:
        assert tx.jobs.recent(limit=9) == []
        assert {notice.state for notice in tx.notices.page(limit=9)} == {NoticeState.DELIVERED}
    assert len(world.records(acme.sid, DAY)) == 3, "the records stay"
    assert world.findings() == []
    assert world.stored_keys() == world.referred_keys()
    world.close()
