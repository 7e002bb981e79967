"""Columns of moments: read together, with the same result as each by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.model import columns
from dayfile.model.columns import canonical_moments
from dayfile.model.moment import canonical_moment

START = datetime(2026, 10, 1, tzinfo=UTC)
SPELLINGS: dict[str, Callable[[datetime], str]] = {
    "final": lambda moment: f"{moment:%Y-%m-%dT%H:%M:%SZ}",
    "REST": format_datetime,
    "fine": lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S}.250+00:00",
}
each_moment = st.builds(
    lambda seconds, spell: spell(START + timedelta(seconds=seconds)),
    st.integers(0, 2 * 86_400),
    st.sampled_from(list(SPELLINGS.values())),
)


@given(st.lists(each_moment))
def test_moments_in_any_mixture_of_spellings_are_read_as_each_is(values: list[str]) -> None:
    """A body may hold records of several senders."""
    assert canonical_moments(values) == list(map(canonical_moment, values))


def test_moments_of_two_spellings_are_not_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """One in the form of the REST API among final ones would make each cost as much as a whole line."""
    moments = [START + timedelta(seconds=seconds) for seconds in range(200)]
    values = [SPELLINGS["REST" if at % 3 else "final"](moment) for at, moment in enumerate(moments)]
    read: list[str] = []

    def watched(value: str) -> str:
        read.append(value)
        return canonical_moment(value)

    monkeypatch.setattr(columns, "canonical_moment", watched)
    assert canonical_moments(values) == [SPELLINGS["final"](moment) for moment in moments]
    assert len(read) <= 10
