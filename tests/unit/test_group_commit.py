"""Group commit: what shares one, who is told what, and what is left when it is closed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from dayfile.errors import Corrupt, DatabaseUnavailable, Transient
from dayfile.group_commit import GroupCommit, GroupQueue, Size

PATIENCE_SECONDS = 30


class Commits:
    """Commits that wait to be let through, and remember what was in them."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.begun = threading.Semaphore(0)
        self.may_go_on = threading.Semaphore(0)

    def __call__(self, items: Sequence[str]) -> list[str]:
        """The items in capitals, unless one of them is such that nothing can be committed."""
        self.groups.append(list(items))
        self.begun.release()
        assert self.may_go_on.acquire(timeout=PATIENCE_SECONDS)
        if "bad" in items:
            raise Corrupt("this one")
        if "away" in items:
            raise DatabaseUnavailable("the disk is full")
        if "worst" in items:
            raise KeyboardInterrupt
        return [item.upper() for item in items]


def _letters(item: str) -> Size:
    return 1, len(item)


def _during_a_first(queue: GroupCommit[str, str], commits: Commits, *items: str) -> list[Future[str]]:
    """Submit an item, and others while its commit runs, and let all commits through."""
    answers = [queue.submit("first")]
    commits.begun.acquire()
    answers += queue.submit_all(items)
    commits.may_go_on.release(100)
    return answers


@pytest.mark.parametrize(
    ("full_at", "groups"),
    [
        ((9, 99), [["a", "bb", "ccc", "dddd"]]),
        ((2, 99), [["a", "bb"], ["ccc", "dddd"]]),
        ((9, 6), [["a", "bb", "ccc"], ["dddd"]]),
        ((9, 1), [["a"], ["bb"], ["ccc"], ["dddd"]]),
    ],
)
def test_items_that_come_during_a_commit_share_the_next_until_it_is_full(
    full_at: Size, groups: list[list[str]]
) -> None:
    """One sync of the disk is enough for all of them; and none of them waits for any number of others."""
    commits = Commits()
    queue = GroupCommit(commits, name="test", full_at=full_at, size=_letters)
    answers = _during_a_first(queue, commits, "a", "bb", "ccc", "dddd")
    assert [answer.result(PATIENCE_SECONDS) for answer in answers] == ["FIRST", "A", "BB", "CCC", "DDDD"]
    assert commits.groups == [["first"], *groups]


def test_an_item_that_fails_takes_no_other_with_it() -> None:
    """The senders of a group do not know one another."""
    commits = Commits()
    queue = GroupCommit(commits, name="test", full_at=(9,))
    _, a, bad, b = _during_a_first(queue, commits, "a", "bad", "b")
    assert (a.result(PATIENCE_SECONDS), b.result(PATIENCE_SECONDS)) == ("A", "B")
    with pytest.raises(Corrupt, match="this one"):
        bad.result(PATIENCE_SECONDS)
    assert commits.groups == [["first"], ["a", "bad", "b"], ["a"], ["bad"], ["b"]]


def test_a_transient_error_is_told_to_the_whole_group_at_once() -> None:
    """A full disk is everybody's trouble: to try each by itself would only take longer."""
    commits = Commits()
    queue = GroupCommit(commits, name="test", full_at=(9,))
    _, a, b = _during_a_first(queue, commits, "a", "away")
    for answer in (a, b):
        with pytest.raises(DatabaseUnavailable, match="full"):
            answer.result(PATIENCE_SECONDS)
    assert commits.groups == [["first"], ["a", "away"]]
    assert queue.submit("c").result(PATIENCE_SECONDS) == "C"


def test_a_failed_item_may_be_answered_all_the_same() -> None:
    """Somebody else may have committed the same thing: then its sender has what was asked for."""
    commits = Commits()

    def fail(item: str, error: Exception) -> str:
        if item == "away":
            return f"{item}: {error}"
        raise ValueError(item) from error

    queue = GroupCommit(commits, name="test", full_at=(9,), fail=fail)
    _, a, away = _during_a_first(queue, commits, "a", "away")
    assert away.result(PATIENCE_SECONDS) == "away: the disk is full"
    with pytest.raises(ValueError, match="a"):
        a.result(PATIENCE_SECONDS)


def test_nobody_waits_for_ever_whatever_a_commit_raises() -> None:
    """A thread that died silently would leave all who come later without an answer."""
    commits = Commits()
    queue = GroupCommit(commits, name="test", full_at=(9,))
    _, a, worst = _during_a_first(queue, commits, "a", "worst")
    for answer in (a, worst):
        with pytest.raises(KeyboardInterrupt):
            answer.result(PATIENCE_SECONDS)
    assert queue.submit("b").result(PATIENCE_SECONDS) == "B"
    queue.close()
    assert queue.unfinished == (0,)


def test_items_count_until_they_are_answered() -> None:
    """A sender is let in by what is in memory, and a batch is there until its commit is over."""
    commits = Commits()
    queue = GroupCommit(commits, name="test", full_at=(9, 99), size=_letters)
    queue.submit("first")
    commits.begun.acquire()
    queue.submit_all(["a", "bb"])
    assert queue.unfinished == (3, 8)
    commits.may_go_on.release(2)
    queue.close()
    assert queue.unfinished == (0, 0)


def test_a_queue_that_is_closed_answers_what_it_has_and_takes_no_more() -> None:
    """A server that is told to stop finishes what it took."""
    commits = Commits()
    queue = GroupCommit(commits, name="test", full_at=(1,))
    answers = _during_a_first(queue, commits, "a", "b")
    queue.close()
    assert [answer.done() for answer in answers] == [True, True, True]
    assert queue.is_closed
    with pytest.raises(Transient, match="shutting down"):
        queue.submit("late")
    queue.close()


def test_every_thread_that_is_free_takes_a_group() -> None:
    """While one group waits for the disk, the next one is prepared."""
    all_three = threading.Barrier(3)
    groups: list[list[int]] = []

    def work(items: Sequence[int]) -> None:
        groups.append(list(items))
        all_three.wait(PATIENCE_SECONDS)

    queue = GroupQueue(work, name="test", full_at=(2,), threads=2)
    queue.put_all([1, 2, 3])
    all_three.wait(PATIENCE_SECONDS)
    queue.close()
    assert sorted(groups) == [[1, 2], [3]]


def test_an_item_that_comes_alone_wakes_no_thread() -> None:
    """It would wait for that thread, and save nothing."""
    threads: list[threading.Thread] = []

    def commit(items: Sequence[int]) -> Sequence[int]:
        threads.append(threading.current_thread())
        return items

    queue = GroupCommit(commit, name="test", full_at=(9,))
    assert queue.commit(1) == 1
    assert threads == [threading.current_thread()]
    queue.close()
    with pytest.raises(Transient, match="shutting down"):
        queue.commit(2)


def test_a_sender_that_commits_goes_on_for_nobody_else() -> None:
    """Else the one that came first would be held for as long as others go on coming."""
    commits = Commits()
    queue = GroupCommit(commits, name="test", full_at=(9,))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(queue.commit, "first")
        commits.begun.acquire()
        others = queue.submit_all(["a", "b"])
        commits.may_go_on.release()
        assert first.result(PATIENCE_SECONDS) == "FIRST"
        commits.begun.acquire()
        commits.may_go_on.release()
        assert [answer.result(PATIENCE_SECONDS) for answer in others] == ["A", "B"]
    assert commits.groups == [["first"], ["a", "b"]]


def test_closing_waits_for_a_sender_that_commits() -> None:
    """The database is closed next; and items that came meanwhile have been taken."""
    commits = Commits()
    queue = GroupCommit(commits, name="test", full_at=(9,))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(queue.commit, "first")
        commits.begun.acquire()
        other = queue.submit("a")
        closed = pool.submit(queue.close)
        commits.may_go_on.release(2)
        closed.result(PATIENCE_SECONDS)
        assert other.done()
        assert queue.unfinished == (0,)
        assert first.result(PATIENCE_SECONDS) == "FIRST"


@pytest.mark.parametrize("kind", ["submitted", "committed", "both"])
def test_no_item_is_lost_or_done_twice_between_many_threads(kind: str) -> None:
    """A thread that finds nothing more to do ends just as another one adds something."""
    queue: GroupCommit[int, int] = GroupCommit(lambda items: [-item for item in items], name="test", full_at=(7,))

    def answer(item: int) -> int:
        if kind == "submitted" or (kind == "both" and item % 2):
            return queue.submit(item).result(PATIENCE_SECONDS)
        return queue.commit(item)

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(answer, range(2000))) == [-item for item in range(2000)]
    queue.close()
    assert queue.unfinished == (0,)
