"""The queue of writers: first come, first served."""

from __future__ import annotations

import threading

import pytest

from dayfile.store.turns import Turns


def _wait_until_waiting(turns: Turns, number: int) -> None:
    while len(turns._waiting) < number:
        pass


def test_turns_come_in_the_order_in_which_they_were_asked_for() -> None:
    """A writer that comes again and again must not keep out one that came before its next time."""
    turns, order = Turns(), list[str]()

    def take(name: str) -> None:
        with turns:
            order.append(name)

    threads = []
    with turns:
        for number, name in enumerate("abcde", 1):
            threads.append(threading.Thread(target=take, args=(name,)))
            threads[-1].start()
            _wait_until_waiting(turns, number)
    with turns:  # at once asked for again, and behind all of them
        order.append("again")
    for thread in threads:
        thread.join()
    assert order == [*"abcde", "again"]


def test_only_one_has_its_turn_at_a_time() -> None:
    """It is a lock, whatever else it is."""
    turns, inside, most = Turns(), list[int](), list[int]()

    def work() -> None:
        for number in range(200):
            with turns:
                inside.append(number)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}
    assert len(most) == 8 * 200


def test_a_turn_is_passed_on_when_what_it_was_for_fails() -> None:
    """A transaction that raises must not be the last one ever."""
    turns = Turns()

    def fail() -> None:
        with turns:
            raise ValueError

    for _ in range(2):
        with pytest.raises(ValueError, match=r"^$"):
            fail()
