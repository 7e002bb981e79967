"""However records are batched, repeated, mixed and compacted: the same lines wait, in the order in which they came."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from dayfile.model.account import AccountSid
from tests.support.intake import Place, a_delivery
from tests.support.records import Sent
from tests.support.state import a_sid, an_account

ACCOUNTS = [AccountSid(a_sid("AC", name)) for name in ("acme", "other")]
UNKNOWN = AccountSid(a_sid("AC", "unknown"))
DAYS = ("2026-11-01", "2026-11-02")


@st.composite
def _sent(draw: st.DrawFn) -> Sent:
    day = draw(st.sampled_from(DAYS))
    return Sent(
        account=draw(st.sampled_from([*ACCOUNTS, UNKNOWN])),
        name=draw(st.sampled_from("abc")),
        created=f"{day}T10:00:00Z",
        updated=f"{day}T10:00:00Z",
        body=draw(st.text(max_size=3)) + "." * draw(st.sampled_from([0, 0, 300])),
    )


@st.composite
def _steps(draw: st.DrawFn) -> list[list[Sent] | None]:
    """Batches, and compactions (None) between them."""
    return draw(st.lists(st.one_of(st.none(), st.lists(_sent(), max_size=8)), max_size=8))


@given(steps=_steps(), part_bytes=st.sampled_from([1, 500, 1 << 30]))
def test_every_line_waits_once_for_its_day_behind_those_that_came_before(
    steps: Sequence[list[Sent] | None], part_bytes: int
) -> None:
    """Invariant 1 begins here: what is lost, doubled or overtaken before sealing, sealing cannot put right."""
    batches = [batch for batch in steps if batch is not None]
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        for name in ("acme", "other"):
            an_account(place.database, name)
        with place.process(part_bytes=part_bytes) as intake:
            for step in steps:
                if step is None:
                    place.compaction().step()
                else:
                    receipt = intake.accept(a_delivery(step))
                    assert receipt.rejected == sum(sent.account == UNKNOWN for sent in step)
        assert _by_record(place) == _expected([sent for batch in batches for sent in batch])
        assert len(place.rejected()) == sum(sent.account == UNKNOWN for batch in batches for sent in batch)
        assert (place.pending(), place.unaccounted()) == (0, [])
        place.database.close()


Versions = dict[tuple[str, str, str], list[str]]


def _by_record(place: Place) -> Versions:
    """The versions that wait of each record, in the order of their arrival."""
    found: Versions = defaultdict(list)
    for day, lines in place.waiting().items():
        for line in map(json.loads, lines):
            assert line["date_created"].startswith(day)
            found[line["account_sid"], day, line["sid"]].append(line["body"])
    return found


def _expected(sent: Sequence[Sent]) -> Versions:
    expected: Versions = defaultdict(list)
    for one in sent:
        if one.account != UNKNOWN:
            expected[one.key].append(one.body)
    return expected
