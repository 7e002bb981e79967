"""Micro-batches: who shares one, who is told what, and that nobody who comes alone waits for others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from dayfile.api.micro_batches import AT_ONCE, MOST_REQUESTS, MicroBatches

PATIENCE_SECONDS = 30


class Work:
    """Work that waits for a word in each micro-batch, and says what has come to it."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.begun = threading.Semaphore(0)
        self.may_go_on = threading.Semaphore(0)

    def __call__(self, asked: Sequence[str]) -> list[str | Exception]:
        """Everybody's name in capitals; who is called bad has no such thing."""
        self.groups.append(list(asked))
        self.begun.release()
        assert self.may_go_on.acquire(timeout=PATIENCE_SECONDS)
        if "worst" in asked:
            raise OSError("nothing for anybody")
        return [ValueError(name) if name == "bad" else name.upper() for name in asked]


async def _turns() -> None:
    """Let everybody who has something to do now do it."""
    for _ in range(5):
        await asyncio.sleep(0)


def _asked(*waves: Sequence[str], cancelled: str | None = None) -> tuple[list[list[str]], list[str | BaseException]]:
    """The micro-batches, and the outcomes, of requests that come in waves while none gets to its end."""
    work = Work()

    async def ask() -> list[str | BaseException]:
        micro_batches = MicroBatches(work, name="test")
        tasks: list[asyncio.Task[str]] = []
        for number, wave in enumerate(waves):
            tasks += [asyncio.create_task(micro_batches.ask(name), name=name) for name in wave]
            await _turns()
            if number < AT_ONCE:
                assert work.begun.acquire(timeout=PATIENCE_SECONDS)
        for task in tasks:
            if task.get_name() == cancelled:
                task.cancel()
        await _turns()
        work.may_go_on.release(100)
        return await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), PATIENCE_SECONDS)

    return work.groups, asyncio.run(ask())


def test_who_comes_alone_waits_for_nobody() -> None:
    """A single sender is as fast as without micro-batches: two of them are under way although neither is full."""
    groups, outcomes = _asked(["a"], ["b"])
    assert sorted(groups) == [["a"], ["b"]]
    assert outcomes == ["A", "B"]


def test_who_comes_at_once_or_meanwhile_shares_a_micro_batch() -> None:
    """They are there for that; and everybody gets their own answer."""
    groups, outcomes = _asked(["a", "b"], ["c"], ["d"], ["e", "f"])
    assert sorted(groups[:2]) == [["a", "b"], ["c"]]
    assert groups[2:] == [["d", "e", "f"]]
    assert outcomes == ["A", "B", "C", "D", "E", "F"]


def test_a_micro_batch_is_bounded() -> None:
    """The first of it waits for the last."""
    names = [f"{number}" for number in range(2 * MOST_REQUESTS + 1)]
    groups, outcomes = _asked(["a"], ["b"], names)
    assert [len(one) for one in groups[2:]] == [MOST_REQUESTS, MOST_REQUESTS, 1]
    assert outcomes[2:] == names


def test_what_is_wrong_with_one_is_told_to_that_one() -> None:
    """Senders in a micro-batch do not know one another."""
    _, outcomes = _asked(["a", "bad", "b"])
    assert [outcomes[0], outcomes[2]] == ["A", "B"]
    assert isinstance(outcomes[1], ValueError)


def test_a_micro_batch_that_fails_fails_for_all_and_others_go_on() -> None:
    """A database that is away is everybody's trouble, and no end of the micro-batches."""
    _, outcomes = _asked(["worst", "a"], ["b"], ["c"])
    assert [type(outcome) for outcome in outcomes[:2]] == [OSError, OSError]
    assert outcomes[2:] == ["B", "C"]


@pytest.mark.parametrize("cancelled", ["a", "b"])
def test_who_does_not_wait_any_more_takes_nobody_along(cancelled: str) -> None:
    """A client that has gone is no reason for the others of its micro-batch to go without an answer."""
    _, outcomes = _asked(["a", "b", "c"], cancelled=cancelled)
    left = {"a": "A", "b": "B", "c": "C"}
    del left[cancelled]
    assert [outcome for outcome in outcomes if isinstance(outcome, str)] == list(left.values())


def test_the_loop_does_what_it_can_and_threads_do_the_rest() -> None:
    """No thread is woken for a request that waits for nothing; one that may have to wait does not hold up the loop."""
    loops: list[int] = []
    threads: list[list[str]] = []

    def in_loop(asked: Sequence[str]) -> list[str | Exception] | None:
        if "slow" in asked:
            return None
        loops.append(threading.get_ident())
        return [ValueError(name) if name == "bad" else name.upper() for name in asked]

    def in_thread(asked: Sequence[str]) -> list[str | Exception]:
        threads.append(list(asked))
        return list(asked)

    async def ask() -> list[str | BaseException]:
        micro_batches = MicroBatches(in_thread, name="test", most=2, try_in_loop=in_loop)
        names = ["a", "bad", "slow", "b", "c"]
        return await asyncio.gather(*map(micro_batches.ask, names), return_exceptions=True)

    a, bad, slow, b, c = asyncio.run(ask())
    assert (a, slow, b, c) == ("A", "slow", "b", "C")
    assert isinstance(bad, ValueError)
    assert loops == [threading.get_ident()] * 2
    assert threads == [["slow", "b"]]
