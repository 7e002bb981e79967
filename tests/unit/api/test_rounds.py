"""Rounds: who shares one, who is told what, and that nobody who comes alone waits for others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from dayfile.api.rounds import MOST_REQUESTS, Rounds

PATIENCE_SECONDS = 30


class Work:
    """Work that waits for a word in each round, and says what has come to it."""

    def __init__(self) -> None:
        self.rounds: list[list[str]] = []
        self.may_go_on = threading.Semaphore(0)

    def __call__(self, asked: Sequence[str]) -> list[str | Exception]:
        """Everybody's name in capitals; who is called bad has no such thing."""
        self.rounds.append(list(asked))
        assert self.may_go_on.acquire(timeout=PATIENCE_SECONDS)
        if "worst" in asked:
            raise OSError("nothing for anybody")
        return [ValueError(name) if name == "bad" else name.upper() for name in asked]


async def _turns() -> None:
    """Let everybody who has something to do now do it."""
    for _ in range(5):
        await asyncio.sleep(0)


def _asked(*waves: Sequence[str], cancelled: str | None = None) -> tuple[list[list[str]], list[str | BaseException]]:
    """The rounds, and the outcomes, of requests that come in waves while no round gets to its end."""
    work = Work()

    async def ask() -> list[str | BaseException]:
        rounds = Rounds(work, name="test")
        tasks: list[asyncio.Task[str]] = []
        for wave in waves:
            tasks += [asyncio.create_task(rounds.ask(name), name=name) for name in wave]
            await _turns()
        for task in tasks:
            if task.get_name() == cancelled:
                task.cancel()
        await _turns()
        work.may_go_on.release(100)
        return await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), PATIENCE_SECONDS)

    return work.rounds, asyncio.run(ask())


def test_who_comes_alone_waits_for_nobody() -> None:
    """A single sender is as fast as without rounds: two of them are under way although neither is full."""
    rounds, outcomes = _asked(["a"], ["b"])
    assert sorted(rounds) == [["a"], ["b"]]
    assert outcomes == ["A", "B"]


def test_who_comes_at_once_or_meanwhile_shares_a_round() -> None:
    """That is what they are for; and everybody gets their own answer."""
    rounds, outcomes = _asked(["a", "b"], ["c"], ["d"], ["e", "f"])
    assert sorted(rounds[:2]) == [["a", "b"], ["c"]]
    assert rounds[2:] == [["d", "e", "f"]]
    assert outcomes == ["A", "B", "C", "D", "E", "F"]


def test_a_round_is_bounded() -> None:
    """The first of it waits for the last."""
    names = [f"{number}" for number in range(2 * MOST_REQUESTS + 1)]
    rounds, outcomes = _asked(["a"], ["b"], names)
    assert [len(one) for one in rounds[2:]] == [MOST_REQUESTS, MOST_REQUESTS, 1]
    assert outcomes[2:] == names


def test_what_is_wrong_with_one_is_told_to_that_one() -> None:
    """Senders in a round do not know one another."""
    _, outcomes = _asked(["a", "bad", "b"])
    assert [outcomes[0], outcomes[2]] == ["A", "B"]
    assert isinstance(outcomes[1], ValueError)


def test_a_round_that_fails_fails_for_all_and_others_go_on() -> None:
    """A database that is away is everybody's trouble, and no end of the rounds."""
    _, outcomes = _asked(["worst", "a"], ["b"], ["c"])
    assert [type(outcome) for outcome in outcomes[:2]] == [OSError, OSError]
    assert outcomes[2:] == ["B", "C"]


@pytest.mark.parametrize("cancelled", ["a", "b"])
def test_who_does_not_wait_any_more_takes_nobody_along(cancelled: str) -> None:
    """A client that has gone is no reason for the others of its round to go without an answer."""
    _, outcomes = _asked(["a", "b", "c"], cancelled=cancelled)
    left = {"a": "A", "b": "B", "c": "C"}
    del left[cancelled]
    assert [outcome for outcome in outcomes if isinstance(outcome, str)] == list(left.values())
