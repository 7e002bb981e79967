"""Compaction: many small segments become one, in the same order, without a line lost, whoever else is at work."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest

from dayfile.errors import NotFound, Transient
from dayfile.files.storage import Bytes, LocalStorage
from dayfile.intake.compaction import Compaction
from dayfile.intake.pipeline import Intake
from dayfile.model.account import Account, packed_holds
from dayfile.model.day import Day
from dayfile.model.resource import CALLS, MESSAGES
from dayfile.model.segment import NewSegment, SegmentKind
from tests.support.clock import NOON
from tests.support.damage import flip
from tests.support.intake import SWEEP_DELAY, Place, a_delivery
from tests.support.records import Sent
from tests.support.state import a_sid, an_account
from tests.support.steps import SteppingDatabase, SteppingStorage, Steps

DAY, NEXT = "2026-11-01", "2026-11-02"


def _message(account: Account, body: str, *, day: str = DAY, filler: int = 0) -> Sent:
    filling = "".join(a_sid("", f"{body}/{n}") for n in range(filler))
    return Sent(
        account=account.sid, name="m", created=f"{day}T10:00:00Z", updated=f"{day}T10:00:00Z", body=f"{body} {filling}"
    )


def _bodies(place: Place, day: str = DAY) -> list[str]:
    return [json.loads(line)["body"].split(" ")[0] for line in place.waiting()[day]]


def _send(intake: Intake, account: Account, bodies: Iterable[str], *, day: str = DAY, filler: int = 0) -> None:
    for body in bodies:
        intake.accept(a_delivery([_message(account, body, day=day, filler=filler)]))


def test_small_segments_become_one_with_their_lines_in_order(place: Place, intake: Intake, acme: Account) -> None:
    """Of two versions with the same time the later one counts: compaction must not forget which that was."""
    _send(intake, acme, "abcde")
    before = place.segments(DAY)
    assert place.compaction().step()
    (compacted,) = place.segments(DAY)
    assert _bodies(place) == list("abcde")
    assert compacted.key is not None
    assert compacted.records == 5
    assert compacted.plain_bytes == sum(segment.plain_bytes for segment in before)
    assert compacted.stored_bytes == place.storage.size(compacted.key)
    assert packed_holds(compacted.accounts, acme.sid)


def test_lines_that_come_after_a_fold_are_later_than_those_in_it(place: Place, intake: Intake, acme: Account) -> None:
    """A compacted segment is compacted again, together with those that came in between."""
    compaction = place.compaction()
    for letters in ("abc", "def", "gh"):
        _send(intake, acme, letters)
        assert compaction.step()
    assert _bodies(place) == list("abcdefgh")
    assert len(place.segments(DAY)) == 1


def test_there_is_nothing_to_do_when_segments_are_few(place: Place, intake: Intake, acme: Account) -> None:
    """A compaction costs an object: two records are cheaper where they are."""
    _send(intake, acme, "ab")
    compaction = place.compaction(least_segments=3)
    assert not compaction.step()
    _send(intake, acme, "c")
    assert compaction.step()
    assert not compaction.step()


def test_the_day_with_most_segments_comes_first(place: Place, intake: Intake, acme: Account) -> None:
    """A backlog of one day must not wait behind trickles of others."""
    _send(intake, acme, "ab")
    _send(intake, acme, "cdef", day=NEXT)
    compaction = place.compaction()
    assert compaction.step()
    assert (len(place.segments(DAY)), len(place.segments(NEXT))) == (2, 1)
    assert compaction.step()
    assert not compaction.step()


def test_segments_are_compacted_with_others_of_their_size(place: Place, intake: Intake, acme: Account) -> None:
    """Rewriting a large object for every few small ones would write each line over and over."""
    _send(intake, acme, ["large"], filler=3000)
    _send(intake, acme, "ab")
    large = place.segments(DAY)[0]
    assert large.key is not None
    assert place.compaction().step()
    assert large in place.segments(DAY)
    assert _bodies(place) == ["large", "a", "b"]


def test_segments_of_the_last_step_are_left_alone_until_they_are_very_many(
    place: Place, intake: Intake, acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A seal reads them where they are, for less than it costs to write them again."""
    monkeypatch.setattr("dayfile.intake.compaction._STEPS", (1000, 1 << 20))
    _send(intake, acme, "abc", filler=3000)
    assert not place.compaction(least_large_segments=4).step()
    assert place.compaction(least_large_segments=3).step()


def test_large_segments_become_larger_where_many_machines_read_them(
    place: Place, intake: Intake, acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of many pieces of a day asks for each of its segments; on one machine it would be for nothing."""
    monkeypatch.setattr("dayfile.intake.compaction._STEPS", (1000,))
    _send(intake, acme, "abc", filler=3000)
    size = place.segments(DAY)[0].stored_bytes
    assert not place.compaction(least_segments=9).step()
    larger = place.compaction(least_segments=9, large_bytes=size + size // 2)
    assert larger.step()
    assert not larger.step(), "one is large, and the other waits for more"
    assert sorted(segment.records for segment in place.segments(DAY)) == [1, 2]
    assert _bodies(place) == list("abc")


def test_objects_that_were_compacted_rest_before_they_are_swept(place: Place, intake: Intake, acme: Account) -> None:
    """An older copy of the state database, restored, still finds them."""
    _send(intake, acme, ["a", "b"], filler=3000)
    old = [segment.key for segment in place.segments(DAY)]
    assert place.compaction().step()
    with place.database.snapshot() as tx:
        due = tx.uploads.due(now=NOON + SWEEP_DELAY - timedelta(seconds=1), limit=9)
        assert due == []
        assert {upload.prefix for upload in tx.uploads.due(now=NOON + SWEEP_DELAY, limit=9)} == set(old)
    assert place.unaccounted() == []


def test_marks_that_erase_are_not_compacted_with_lines(place: Place, intake: Intake, acme: Account) -> None:
    """They are not records: among the lines they would be exported."""
    mark = NewSegment(
        resource_type=MESSAGES,
        day=Day.parse(DAY),
        kind=SegmentKind.ERASE,
        key=None,
        inline=b"mark",
        records=1,
        plain_bytes=4,
        stored_bytes=4,
        accounts=b"",
    )
    with place.database.transaction() as tx:
        tx.segments.add([mark], now=NOON)
    _send(intake, acme, "ab")
    assert place.compaction().step()
    assert [segment.kind for segment in place.segments(DAY)] == [SegmentKind.ERASE, SegmentKind.FULL]


def test_what_a_seal_holds_is_left_to_it(place: Place, intake: Intake, acme: Account) -> None:
    """A seal takes a set of segments; what is compacted under it would be sealed twice or never."""
    _send(intake, acme, "ab")
    _claim(place)
    assert not place.compaction().step()
    _send(intake, acme, "cd")
    assert place.compaction().step()
    assert [segment.records for segment in place.segments(DAY)] == [1, 1, 2]


class _Interrupted(LocalStorage):
    """A storage that lets something else happen just after an object was put."""

    def put(self, key: str, chunks: Iterable[Bytes]) -> int:
        size = super().put(key, chunks)
        INTERRUPTIONS.pop()()
        return size


INTERRUPTIONS: list[Callable[[], object]] = []


def test_a_seal_that_comes_in_between_wins(place: Place, intake: Intake, acme: Account) -> None:
    """Both may be at work on one day: the later commit finds the segments taken, and has done nothing."""
    _send(intake, acme, "ab")
    storage = _Interrupted(place.storage.root)
    INTERRUPTIONS.append(lambda: _claim(place))
    assert not place.compaction(storage=storage).step()
    assert [segment.records for segment in place.segments(DAY)] == [1, 1]
    assert _bodies(place) == ["a", "b"]
    assert (place.pending(), place.unaccounted()) == (0, [])


def test_two_workers_compact_different_segments(place: Place, intake: Intake, acme: Account) -> None:
    """With the same ones, only one of them commits, and the work of the other is lost."""
    _send(intake, acme, "abcde")
    second = place.compaction(most_segments=2)
    did: list[bool] = []
    INTERRUPTIONS.append(lambda: did.append(second.step()))
    assert place.compaction(storage=_Interrupted(place.storage.root), most_segments=2).step()
    assert did == [True]
    assert sorted(segment.records for segment in place.segments(DAY)) == [1, 2, 2]
    assert _bodies(place) == list("abcde")
    assert (place.pending(), place.unaccounted()) == (0, [])


def test_a_worker_that_was_first_leaves_the_rest_to_those_that_come(
    place: Place, intake: Intake, acme: Account
) -> None:
    """Both have chosen the same segments at the same moment: the second chooses again, at once."""
    _send(intake, acme, "abcd")
    first, second = place.compaction(most_segments=2), place.compaction(most_segments=2)
    chosen = first._largest_group(MESSAGES, Day.parse(DAY))
    assert first._claim(chosen)
    assert not second._claim(chosen)
    assert second.step()
    assert [segment.id for segment in place.segments(DAY)][:2] == [segment.id for segment in chosen]


def test_the_claim_of_a_worker_that_died_ends(place: Place, intake: Intake, acme: Account) -> None:
    """Segments would pile up otherwise, on a day for which nothing else comes."""
    _send(intake, acme, "ab")
    _claim_all(place)
    compaction = place.compaction()
    assert not compaction.step()
    place.clock.pass_by(timedelta(minutes=9))
    assert not compaction.step()
    place.clock.pass_by(timedelta(minutes=1))
    assert compaction.step()
    assert _bodies(place) == ["a", "b"]


def test_a_claim_of_a_clock_that_was_ahead_is_not_believed(place: Place, intake: Intake, acme: Account) -> None:
    """It would keep everybody from compacting for as long as that clock was ahead."""
    _send(intake, acme, "ab")
    _claim_all(place, now=NOON + timedelta(days=1))
    assert place.compaction().step()


def test_a_seal_takes_what_is_being_compacted(place: Place, intake: Intake, acme: Account) -> None:
    """A day is never sealed later because of a compaction, nor because its worker died."""
    _send(intake, acme, "ab")
    _claim_all(place)
    _claim(place)
    with place.database.snapshot() as tx:
        assert len(tx.segments.of_seal(1)) == 2


def test_segments_are_read_side_by_side_from_afar(place: Place, intake: Intake, acme: Account) -> None:
    """Four hundred requests, one after the other, are twenty seconds of waiting."""
    letters = "abcdefghijklmnop"
    _send(intake, acme, letters, filler=3000)
    assert all(segment.key for segment in place.segments(DAY))
    assert place.compaction(storage=_Far(place.storage.root)).step()
    assert _bodies(place) == list(letters)
    assert len(place.segments(DAY)) == 1


class _Far(LocalStorage):
    """A storage far away, in which a read goes on only when 16 are under way."""

    @property
    def is_remote(self) -> bool:
        return True

    def path(self, key: str) -> Path | None:
        return None

    def read(self, key: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        TOGETHER.wait(timeout=60)
        return super().read(key, start=start, stop=stop)


TOGETHER = Barrier(16)


def _claim_all(place: Place, *, now: datetime = NOON) -> None:
    """Another worker begins to compact all that waits."""
    with place.database.transaction() as tx:
        tx.segments.claim([segment.id for segment in tx.segments.of_day(MESSAGES, Day.parse(DAY))], now=now)


def test_an_object_that_is_gone_is_a_race_lost(place: Place, intake: Intake, acme: Account) -> None:
    """A seal may be committed and its objects swept while a slow compaction still reads: nothing is wrong then."""
    _send(intake, acme, ["a", "b"], filler=3000)
    compaction = place.compaction()
    compaction._compact = lambda group: _gone(place, [segment.id for segment in group])  # type: ignore[method-assign]
    assert not compaction.step()
    with place.database.snapshot() as tx:
        assert tx.damages.count() == 0


def test_a_damaged_segment_holds_up_no_other_day(place: Place, intake: Intake, acme: Account) -> None:
    """A bad disk block under one day must not let the state database fill up with all others."""
    _send(intake, acme, ["a", "b", "c"], filler=3000)
    _send(intake, acme, "de", day=NEXT)
    key = place.segments(DAY)[0].key
    assert key is not None
    place.storage.delete([key])
    place.storage.put(key, [b"damaged"])
    _compact_all(compaction := place.compaction())
    assert (len(place.segments(DAY)), len(place.segments(NEXT))) == (2, 1)
    assert not compaction.step()
    with place.database.snapshot() as tx:
        assert [damage.key for damage in tx.damages.page(limit=9)] == [key]


@pytest.mark.parametrize("how", ["gone", "a folder", "inline"])
def test_a_segment_that_cannot_be_read_is_left_out_of_the_fold(
    place: Place, intake: Intake, acme: Account, how: str
) -> None:
    """The rest of its day is compacted, too: other senders go on filling the state database."""
    _send(intake, acme, ["a", "b", "c"], filler=0 if how == "inline" else 3000)
    _send(intake, acme, "de", day=NEXT)
    first = place.segments(DAY)[0]
    if first.key is None:
        with place.database.exclusively() as connection:
            connection.exec_driver_sql("DELETE FROM segment_inline WHERE segment_id = ?", (first.id,))
    else:
        place.storage.delete([first.key])
        if how == "a folder":
            (place.storage.root / first.key).mkdir(parents=True)
    _compact_all(place.compaction())
    assert (len(place.segments(DAY)), len(place.segments(NEXT))) == (2, 1)
    with place.database.snapshot() as tx:
        assert tx.damages.count() == 1


def test_a_segment_whose_columns_have_changed_is_not_compacted(place: Place, intake: Intake, acme: Account) -> None:
    """A compaction makes a new checksum: it would make of a wrong account or order one that looks right."""
    _send(intake, acme, ["a", "b"], filler=3000)
    key = place.segments(DAY)[0].key
    assert key is not None
    flip(place.storage.root / key, -700)
    _compact_all(place.compaction())
    assert len(place.segments(DAY)) == 2


@pytest.mark.parametrize("at", range(1, 13))
def test_a_fold_that_fails_changes_nothing_or_is_complete(place: Place, intake: Intake, acme: Account, at: int) -> None:
    """Whichever step fails, every line is there once, and the next step does what is left."""
    _send(intake, acme, "abc")
    steps = Steps(at=at, recovers=True)
    compaction = place.compaction(storage=SteppingStorage(place.storage, steps))
    compaction._database = SteppingDatabase.of(place.database, steps)
    try:
        compaction.step()
    except Transient:
        assert _bodies(place) == ["a", "b", "c"]
    while compaction.step():
        pass
    assert _bodies(place) == ["a", "b", "c"]
    assert len(place.segments(DAY)) == 1
    assert place.unaccounted() == []


def _compact_all(compaction: Compaction) -> None:
    while compaction.step():
        pass


def _gone(place: Place, ids: list[int]) -> bool:
    """A seal has taken them, and its commit has dropped them."""
    with place.database.transaction() as tx:
        for segment_id in ids:
            tx.segments.remove(segment_id)
    raise NotFound("there is no object")


def test_resource_types_are_compacted_apart(place: Place, intake: Intake, acme: Account) -> None:
    """A day of messages and the same day of calls are two days."""
    other = an_account(place.database, "other")
    call = {
        "sid": a_sid("CA", "call"),
        "account_sid": other.sid,
        "date_created": f"{DAY}T10:00:00Z",
        "date_updated": f"{DAY}T10:00:00Z",
    }
    for _ in range(2):
        _send(intake, acme, "a")
        intake.accept(a_delivery(json.dumps(call).encode(), resource_type=CALLS))
    compaction = place.compaction()
    assert (compaction.step(), compaction.step(), compaction.step()) == (True, True, False)
    assert (len(place.segments(DAY, MESSAGES)), len(place.segments(DAY, CALLS))) == (1, 1)


def _claim(place: Place) -> None:
    """A seal takes what waits for the day."""
    with place.database.transaction() as tx:
        upload_id = tx.uploads.begin("sealed/", mark="x", now=NOON)
        claim = tx.seals.claim(
            MESSAGES,
            Day.parse(DAY),
            worker="w",
            upload_id=upload_id,
            mark="x",
            leased_until=NOON + timedelta(hours=1),
            now=NOON,
        )
        assert claim is not None
        tx.segments.take(claim.id, MESSAGES, Day.parse(DAY))
