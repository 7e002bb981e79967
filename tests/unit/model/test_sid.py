"""One name, whichever case its digits are written in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.errors import DayfileError
from dayfile.model.account import parse_account_sid
from dayfile.model.credential import parse_key_sid
from dayfile.model.job import parse_job_sid
from dayfile.model.notice import parse_event_sid
from dayfile.model.sid import canonical_sid

PARSERS = {"AC": parse_account_sid, "SK": parse_key_sid, "JS": parse_job_sid, "EV": parse_event_sid}
digits = st.text("0123456789abcdefABCDEF", min_size=32, max_size=32)


@given(st.sampled_from(sorted(PARSERS)), digits)
def test_digits_in_either_case_are_the_same_sid(prefix: str, given_digits: str) -> None:
    """Published patterns allow both; what is kept and shown has one spelling, or a job would be two."""
    sid = PARSERS[prefix](prefix + given_digits)
    assert sid == prefix + given_digits.lower() == canonical_sid(prefix + given_digits)
    assert PARSERS[prefix](sid) == sid


@given(
    st.sampled_from(sorted(PARSERS)),
    st.text(max_size=40) | st.builds(str.__add__, st.sampled_from(["ac", "Sk", "XX", "A", "", "AC", "SK"]), digits),
)
def test_what_is_no_sid_of_that_kind_is_refused(prefix: str, text: str) -> None:
    """Its two letters are part of the name: another kind of thing, or none."""
    if canonical_sid(text, prefix=prefix) is None:
        with pytest.raises(DayfileError):
            PARSERS[prefix](text)
    else:
        assert text.startswith(prefix)
        assert len(text) == 34


@pytest.mark.parametrize("digit", ["٣", "\uff21", "g", " ", "\n"])
def test_digits_of_other_scripts_are_none(digit: str) -> None:
    """A digit that only looks like one would be a second name of the same thing."""
    assert canonical_sid("AC" + "0" * 31 + digit) is None
    assert canonical_sid("AC" + "0" * 32 + digit) is None
