"""Lines that were accepted by an older rule."""

from pathlib import Path

import pytest

from dayfile.intake.pipeline import IncomingBatch
from dayfile.model import fields
from dayfile.model.line_codec import encode_lines
from dayfile.model.resource import MESSAGES
from tests.support.record_lines import a_record
from tests.support.records import Sent
from tests.support.state import an_account
from tests.support.world import OPERATOR, World

DAY = "2026-11-01"
AT = f"{DAY}T10:00:00Z"


def test_what_is_stored_stays_when_a_rule_becomes_stricter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upgrade refuses more at the door; it takes nothing away that had its receipt, sealed or waiting."""
    world = World(tmp_path)
    account = an_account(world.database)
    old = a_record(MESSAGES, account_sid=account.sid, date_created=AT, date_updated=AT, price="n/a")
    with monkeypatch.context() as before:
        before.setattr(fields, "is_amount", bool)
        line = encode_lines([old])
        batch = IncomingBatch(
            caller=OPERATOR, resource_type=MESSAGES, blocks=iter([line]), compression=None, idempotency_key=None
        )
        assert world.intake.accept(batch).accepted == 1
    for name in ("a", "b"):
        world.accept([Sent(account=account.sid, name=name, created=AT, updated=AT)])
        world.seal(DAY)
        assert old in world.records(account.sid, DAY)
    assert world.findings() == []
    world.close()
