"""Secrets that Dayfile makes can be sent by every client; those that platforms bring are known again."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.errors import InvalidParameter
from dayfile.model.account import go_refuses, parse_auth_token, sid_of_uuid
from dayfile.service import SystemRandomness

_GO_ACCEPTS = re.compile(r"[A-Za-z0-9]+")


@given(st.integers(1, 128))
def test_secrets_that_are_made_are_letters_and_digits(length: int) -> None:
    """twilio-go refuses credentials with any other character before it sends them."""
    secret = SystemRandomness().alphanumeric(length)
    assert len(secret) == length
    assert _GO_ACCEPTS.fullmatch(secret)
    assert not go_refuses(secret)


@given(st.text(max_size=140))
def test_a_token_that_is_brought_is_taken_as_it_is_or_refused(token: str) -> None:
    """Never changed: the platform's customers go on using it. The message does not repeat it."""
    is_good = 16 <= len(token) <= 128 and all("!" <= character <= "~" for character in token)
    if is_good:
        assert parse_auth_token(token) == token
        assert go_refuses(token) == (_GO_ACCEPTS.fullmatch(token) is None)
    else:
        with pytest.raises(InvalidParameter) as refused:
            parse_auth_token(token)
        assert len(token) < 8 or token not in str(refused.value)


@given(st.from_regex(r"[!-~]{16,128}", fullmatch=True))
def test_every_token_of_visible_characters_is_taken(token: str) -> None:
    """A platform may have given out any of them."""
    assert parse_auth_token(token) == token


@given(st.uuids(), st.sampled_from(["AC", "CA", "SM"]), st.booleans())
def test_a_uuid_has_one_sid(uuid: object, prefix: str, upper: bool) -> None:
    """However the platform spells it: two spellings of one account would be two accounts."""
    text = str(uuid).upper() if upper else str(uuid)
    sid = sid_of_uuid(prefix, text)
    assert sid == sid_of_uuid(prefix, text.replace("-", "")) == prefix + str(uuid).replace("-", "")


@given(st.text(max_size=40))
def test_what_is_no_uuid_has_no_sid(text: str) -> None:
    """Half a UUID, or one with hyphens in other places, is a mistake that must be seen."""
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-?)[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{12}", text):
        assert sid_of_uuid("AC", text) is None
