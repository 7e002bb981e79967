"""Secrets: what is stored does not tell them, and what was changed is noticed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.errors import Corrupt, Unusable
from dayfile.model.secret import InstanceKey, decrypt, encrypt, login_hash, login_matches

KEY = InstanceKey(bytes(range(32)))
OTHER = InstanceKey(bytes(32))


@given(st.text(), st.text())
def test_a_login_opens_with_its_own_secret_only(right: str, wrong: str) -> None:
    """And only for the sid and the instance that it was made for."""
    stored = login_hash(KEY, sid="AC1", secret=right)
    assert login_matches(KEY, sid="AC1", secret=right, stored=[stored])
    assert login_matches(KEY, sid="AC1", secret=wrong, stored=[stored]) == (right == wrong)
    assert not login_matches(KEY, sid="AC2", secret=right, stored=[stored])
    assert not login_matches(OTHER, sid="AC1", secret=right, stored=[stored])


@given(st.text(max_size=100), st.data())
def test_an_encrypted_secret_comes_back_or_is_called_corrupt(secret: str, data: st.DataObject) -> None:
    """Never a different one: not with any bit changed, another sid, or another key."""
    encrypted = encrypt(KEY, sid="AC1", secret=secret, nonce=bytes(12))
    assert decrypt(KEY, sid="AC1", encrypted=encrypted) == secret
    bit = data.draw(st.integers(0, len(encrypted) * 8 - 1))
    changed = bytearray(encrypted)
    changed[bit // 8] ^= 1 << bit % 8
    for key, sid, text in ((KEY, "AC1", bytes(changed)), (KEY, "AC2", encrypted), (OTHER, "AC1", encrypted)):
        with pytest.raises(Corrupt, match=sid):
            decrypt(key, sid=sid, encrypted=text)


@pytest.mark.parametrize("text", ["", "zz" * 32, "00" * 31, "0" * 63])
def test_a_bad_instance_key_says_how_to_make_one(text: str) -> None:
    """The operator has set DAYFILE_SECRET_KEY by hand."""
    with pytest.raises(Unusable, match="hexadecimal"):
        InstanceKey.parse(text)


def test_a_key_never_shows_itself() -> None:
    """Not in a log, not in a stack trace."""
    assert KEY.secret.hex() not in f"{KEY!r} {KEY}"
    assert KEY.secret.hex() not in KEY.check_value()


def test_purposes_have_keys_of_their_own() -> None:
    """A thief of one subkey learns nothing of another."""
    assert len({KEY.subkey("links"), KEY.subkey("login"), KEY.secret, OTHER.subkey("links")}) == 4
