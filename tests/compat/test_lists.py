"""Lists through each of Twilio's clients: however the pages are cut, and whatever happens between two of them."""

from __future__ import annotations

import pytest

from tests.compat.conftest import Customer
from tests.compat.installed import each_client
from tests.support.face import Face, Login

PAGE = 100


@pytest.fixture(scope="module")
def sixty(face: Face) -> Login:
    """An account with sixty days on its list."""
    sixty = face.account()
    face.publish(sixty, "2026-09-01", "2026-09-30")
    face.publish(sixty, "2026-10-01", "2026-10-30")
    return sixty


@pytest.fixture
def acme(sixty: Login) -> Login:
    """Log in as a customer with sixty jobs, unless a test asks for something else."""
    return sixty


SIXTY = [f"2026-{month:02}-{day:02}" for month in (9, 10) for day in range(1, 31)]

CUTS: tuple[dict[str, int], ...] = (
    {},
    {"limit": 5000},
    {"limit": 7},
    {"page_size": 1},
    {"page_size": 2},
    {"limit": 25, "page_size": 10},
)


@pytest.mark.compat(21, 22)
@pytest.mark.parametrize("client_name", each_client())
def test_days_are_listed_however_the_pages_are_cut(customer: Customer) -> None:
    """The real service once stopped at ten days without a word."""
    for how in CUTS:
        days = customer("list_days", "Messages", **how)
        assert [day["day"] for day in days] == SIXTY[: how.get("limit")], how


@pytest.mark.parametrize("client_name", each_client())
def test_an_empty_list_is_a_list(customer: Customer) -> None:
    """Nothing is not an error."""
    assert customer("list_days", "Calls") == customer("list_jobs", "Calls") == []
