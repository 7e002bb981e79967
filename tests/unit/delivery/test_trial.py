"""Trials of webhooks: one at a time for an account, noted, and never repeated."""

from __future__ import annotations

import threading
from datetime import datetime
from pathlib import Path

import pytest

from dayfile.delivery.transport import Credentials
from dayfile.delivery.trial import TRIAL_NAME, WebhookTrial
from dayfile.errors import TooManyRequests
from dayfile.model.credential import Actor
from dayfile.model.notice import DayContent, Notice, Outcome, Result
from dayfile.model.resource import MESSAGES
from tests.support.notices import an_outcome
from tests.support.world import World


class Waiting:
    """A transport that waits, as a slow receiver has it do."""

    def __init__(self) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()
        self.notices: list[Notice] = []

    def deliver(self, notice: Notice, *, attempt: int, credentials: Credentials, now: datetime) -> Outcome:
        assert credentials.auth_token
        self.notices.append(notice)
        self.began.set()
        assert self.may_end.wait(20)
        return an_outcome(Result.FAILED, status=500)


def test_a_trial_is_one_attempt_and_one_at_a_time(tmp_path: Path) -> None:
    """Nobody uses this server to knock at a door again and again; a failure is only shown."""
    world, transport = World(tmp_path), Waiting()
    account = world.service.administration.create_account().account.sid
    trial = WebhookTrial(
        world.database,
        key=world.service.key,
        clock=world.clock,
        randomness=world.service.randomness,
        transport=lambda: transport,
    )
    outcomes: list[Outcome] = []

    def send() -> None:
        actor = Actor(name=account)
        outcomes.append(trial.send(account, MESSAGES, url="https://hooks.example/", method="POST", actor=actor))

    first = threading.Thread(target=send)
    first.start()
    assert transport.began.wait(20)
    with pytest.raises(TooManyRequests, match="under way"):
        send()
    transport.may_end.set()
    first.join()
    send()
    assert [outcome.result for outcome in outcomes] == [Result.FAILED] * 2
    contents = [notice.content for notice in transport.notices]
    assert all(isinstance(content, DayContent) and content.friendly_name == TRIAL_NAME for content in contents)
    assert len({notice.sid for notice in transport.notices}) == 2, "a trial is never taken for another"
    with world.database.snapshot() as tx:
        assert tx.notices.page(account=account, limit=10) == []
        assert [line.deed.action for line in tx.audit.newest(subject=account, limit=10)].count("webhook.tried") == 2
    world.close()
