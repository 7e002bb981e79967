"""Account sids, and sets of them packed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.errors import InvalidParameter
from dayfile.model.account import AccountSid, pack_accounts, packed_holds, parse_account_sid

SIDS = st.binary(min_size=16, max_size=16).map(lambda digits: AccountSid(f"AC{digits.hex()}"))


@pytest.mark.parametrize("text", ["", "AC", "AC" + "0" * 31, "AC" + "0" * 33, "AC" + "G" * 32, "ac" + "0" * 32])
def test_a_malformed_sid_is_refused_by_name(text: str) -> None:
    """The message says which parameter and what a sid looks like."""
    with pytest.raises(InvalidParameter, match="parent must be AC followed by 32 hexadecimal"):
        parse_account_sid(text, name="parent")


@given(st.lists(SIDS), SIDS)
def test_a_packed_set_never_denies_a_member(sids: list[AccountSid], other: AccountSid) -> None:
    """A wrong no would publish a day without records that wait for it."""
    packed = pack_accounts(sids)
    assert all(packed_holds(packed, sid) for sid in sids)
    if all(other[:18] != sid[:18] for sid in sids):
        assert not packed_holds(packed, other)


@given(st.lists(SIDS))
def test_a_packed_set_does_not_depend_on_order_or_repetition(sids: list[AccountSid]) -> None:
    """Equal sets are equal bytes."""
    assert pack_accounts(sids) == pack_accounts([*reversed(sids), *sids])
