"""Group commit: who shares one, who is told what, and what happens when too much waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future

import pytest

from dayfile.errors import Corrupt, StorageUnavailable, TooManyRequests, Transient
from dayfile.intake.batch import Batch, DayLines
from dayfile.intake.group_commit import BatchQueue
from dayfile.intake.idempotency import IdempotencyKeys
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.receipt import Receipt
from dayfile.model.resource import MESSAGES
from tests.support.intake import Place

DAY = Day.parse("2026-11-01")


def _batch(name: str, *, size: int = 10) -> Batch:
    lines = DayLines(
        resource_type=MESSAGES,
        day=DAY,
        text=name.encode().ljust(size),
        records=1,
        accounts=frozenset({AccountSid("AC" + "0" * 32)}),
    )
    return Batch(
        receipt=Receipt(sid=name, accepted=1, rejected=0, refusals=()),
        resource_type=MESSAGES,
        source=name,
        days=(lines,),
        segments=(),
        refusals=(),
        stored=None,
        retried=(),
    )


class Commits:
    """Commits that wait to be let through, and remember who was in them."""

    def __init__(self, *, troubles: Callable[[Sequence[Batch]], None] = lambda _: None) -> None:
        self.groups: list[list[str]] = []
        self.begun = threading.Semaphore(0)
        self.may_go_on = threading.Semaphore(0)
        self._troubles = troubles

    def commit(self, batches: Sequence[Batch]) -> None:
        """Note the group, wait, and fail if this group is to fail."""
        self.groups.append([batch.source for batch in batches])
        self.begun.release()
        self.may_go_on.acquire()
        self._troubles(batches)


@pytest.fixture
def make(place: Place) -> Iterator[Callable[..., BatchQueue]]:
    """Queues that are closed at the end."""
    made: list[tuple[BatchQueue, Commits]] = []

    def give_up(batch: Batch) -> None:
        assert not batch.segments

    def queue(commits: Commits, *, limit: int = 1000) -> BatchQueue:
        new = BatchQueue(
            commits.commit, keys=IdempotencyKeys(place.database), give_up=give_up, waiting_bytes_limit=limit
        )
        made.append((new, commits))
        return new

    yield queue
    for queue_made, commits in made:
        commits.may_go_on.release(100)
        queue_made.close()


def test_what_arrives_during_a_commit_shares_the_next(make: Callable[..., BatchQueue]) -> None:
    """However many senders there are, they cost one sync of the disk, and one alone waits for nobody."""
    commits = Commits()
    queue = make(commits)
    answers = [queue.submit(_batch("first"))]
    commits.begun.acquire()
    answers += [queue.submit(_batch(name)) for name in ("a", "b", "c")]
    commits.may_go_on.release(2)
    assert [answer.result(30).sid for answer in answers] == ["first", "a", "b", "c"]
    assert commits.groups == [["first"], ["a", "b", "c"]]


def test_nobody_is_answered_before_the_commit(make: Callable[..., BatchQueue]) -> None:
    """An answer is a promise that a power cut does not break."""
    commits = Commits()
    answer = make(commits).submit(_batch("a"))
    commits.begun.acquire()
    assert not answer.done()
    commits.may_go_on.release()
    assert answer.result(30).sid == "a"


def test_trouble_with_the_disk_is_told_to_all_of_a_group(make: Callable[..., BatchQueue]) -> None:
    """Nothing of any of them is there: all must send again, and trying them one by one would only take longer."""

    def troubles(_: Sequence[Batch]) -> None:
        raise StorageUnavailable("the disk is full")

    commits = Commits(troubles=troubles)
    answers = _after_a_first(make(commits), commits, ["a", "b"])
    commits.may_go_on.release(2)
    for answer in answers:
        with pytest.raises(StorageUnavailable, match="full"):
            answer.result(30)
    assert commits.groups == [["first"], ["a", "b"]]


def test_a_batch_that_cannot_be_committed_takes_no_other_with_it(make: Callable[..., BatchQueue]) -> None:
    """The senders of a group do not know one another: what one has done, only that one is told."""

    def troubles(batches: Sequence[Batch]) -> None:
        if any(batch.source == "bad" for batch in batches):
            raise Corrupt("this one")

    commits = Commits(troubles=troubles)
    answers = _after_a_first(make(commits), commits, ["a", "bad", "b"])
    commits.may_go_on.release(5)
    assert [answer.result(30).sid for answer in (answers[0], answers[1], answers[3])] == ["first", "a", "b"]
    with pytest.raises(Corrupt):
        answers[2].result(30)
    assert commits.groups[2:] == [["a"], ["bad"], ["b"]]


def test_no_more_is_asked_for_than_fits_in_memory(make: Callable[..., BatchQueue]) -> None:
    """Senders faster than the disk are told to wait before their body is read, not when memory is gone."""
    commits = Commits()
    queue = make(commits, limit=20)
    queue.check_room()
    answers = [queue.submit(_batch(name)) for name in ("a", "b")]
    with pytest.raises(TooManyRequests) as full:
        queue.check_room()
    assert full.value.retry_after >= 1
    commits.may_go_on.release(2)
    for answer in answers:
        answer.result(30)
    queue.close()
    assert queue.waiting_bytes == 0


def test_closing_answers_everything_that_was_handed_over(make: Callable[..., BatchQueue]) -> None:
    """A server that is told to stop finishes what it took, and takes nothing more."""
    commits = Commits()
    queue = make(commits)
    answers = _after_a_first(queue, commits, ["a"])
    closing = threading.Thread(target=queue.close)
    closing.start()
    commits.may_go_on.release(2)
    closing.join(30)
    assert [answer.done() for answer in answers] == [True, True]
    with pytest.raises(Transient, match="shutting down"):
        queue.check_room()
    with pytest.raises(Transient, match="shutting down"):
        queue.submit(_batch("late"))
    queue.close()


def test_a_sender_that_stops_waiting_stops_nothing(make: Callable[..., BatchQueue]) -> None:
    """A client that goes away cancels its answer: the others' answers come from the same thread."""
    commits = Commits()
    answers = _after_a_first(make(commits), commits, ["a"])
    assert not answers[0].cancel()
    commits.may_go_on.release(2)
    assert answers[1].result(30).sid == "a"


def _after_a_first(queue: BatchQueue, commits: Commits, names: Sequence[str]) -> list[Future[Receipt]]:
    """Hand over a batch, and others while its commit runs: they are one group."""
    answers = [queue.submit(_batch("first"))]
    commits.begun.acquire()
    return answers + [queue.submit(_batch(name)) for name in names]
