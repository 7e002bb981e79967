"""A walk over a thousand days while some come and some go, through each of Twilio's clients."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from dayfile.model.day import Day
from tests.compat.conftest import Customer
from tests.compat.installed import each_client
from tests.support.face import Face, Login

PAGE = 100
FIRST = Day.parse("2023-01-01")


@contextmanager
def coming_and_going(face: Face, login: Login, first: Day) -> Iterator[list[str]]:
    """Before each page but the first a day is published, and before the fourth the older half expires; the days that
    came."""
    came: list[str] = []
    pages = itertools.count(1)

    def before_request() -> None:
        number = next(pages)
        if number > 1:
            day = str(first + len(came))
            face.publish(login, day)
            came.append(day)
        if number == 4:
            face.clock.pass_by(timedelta(days=4))

    face.before_request = before_request
    try:
        yield came
    finally:
        face.before_request = lambda: None


@pytest.mark.compat(24, 38)
@pytest.mark.parametrize("client_name", each_client(quick=False))
def test_every_day_is_seen_once_while_others_come_and_go(customer: Customer, face: Face, acme: Login) -> None:
    """A day that is skipped is never downloaded; one that comes twice is loaded twice."""
    face.publish(acme, str(FIRST), str(FIRST + 499))
    face.clock.pass_by(timedelta(days=4))
    face.publish(acme, str(FIRST + 500), str(FIRST + 999))
    with coming_and_going(face, acme, FIRST + 1000) as came:
        seen = [day["day"] for day in customer("stream_days", "Messages", page_size=PAGE)]
    assert len(came) >= 5
    assert seen == [*_days(0, 3 * PAGE), *_days(500, 1000), *came]


def _days(start: int, stop: int) -> list[str]:
    return [str(FIRST + number) for number in range(start, stop)]
