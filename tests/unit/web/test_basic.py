from __future__ import annotations

import base64

import pytest
from starlette.datastructures import Headers

from dayfile.web.basic import BasicLogin, read_login

SID = "AC" + "0a" * 16
UNREADABLE = BasicLogin("", "")


def basic(text: bytes) -> bytes:
    """A header with these credentials."""
    return b"Basic " + base64.b64encode(text)


def read(*authorization: bytes) -> BasicLogin | None:
    """The login of a request with these Authorization headers."""
    return read_login(Headers(raw=[(b"authorization", value) for value in authorization]))


def test_missing_credentials_are_not_wrong_ones() -> None:
    """Wrong ones are delayed; a client that asks without any, to be challenged, is not."""
    assert read() is None
    assert read(b"") is None


@pytest.mark.parametrize(
    "authorization",
    [
        b"Basic",
        b"Basic ",
        b"Bearer token",
        b"Basic !!!",
        b"Basic QUM",  # cut off
        b"Basic \xff\xfe",
        basic(b""),
        basic(b"no colon"),
        basic(b"\xff:not UTF-8"),
        basic(SID.encode() + b":\xe9"),  # Latin-1, which the challenge does not ask for
    ],
)
def test_what_is_not_basic_is_wrong_rather_than_missing(authorization: bytes) -> None:
    """Else somebody who guesses would be answered at once for every guess that is malformed."""
    login = read(authorization)
    assert login == UNREADABLE
    assert not login.may_exist


@pytest.mark.parametrize("scheme", [b"Basic ", b"basic ", b"BASIC   "])
def test_the_scheme_is_read_in_any_case(scheme: bytes) -> None:
    """RFC 9110 says so, and some clients send it in lower case."""
    assert read(scheme + base64.b64encode(f"{SID}:token".encode())) == (SID, "token")


@pytest.mark.parametrize("password", ["", ":", "a:b", "pässwörd", "pass word "])
def test_a_password_is_all_that_follows_the_first_colon(password: str) -> None:
    """The challenge asks for UTF-8, and a secret may have colons."""
    assert read(basic(f"{SID}:{password}".encode())) == (SID, password)


def test_of_several_headers_the_first_counts() -> None:
    """An arbitrary choice, but one: the two faces must not take different ones."""
    assert read(basic(f"{SID}:first".encode()), basic(f"{SID}:second".encode())) == (SID, "first")
    assert read(b"Bearer token", basic(f"{SID}:second".encode())) == UNREADABLE


@pytest.mark.parametrize(
    ("username", "may_exist"),
    [
        (SID, True),
        (SID.upper(), False),
        (SID[:-1], False),
        (SID + "\n", False),
        ("AC\0" + "0" * 31, False),
        ("AC" + "٣" * 32, False),
        ("", False),
    ],
)
def test_only_a_sid_is_looked_up(username: str, *, may_exist: bool) -> None:
    """A database may be unable to hold other text, and says so with an error."""
    login = read(basic(f"{username}:x".encode()))
    assert login is not None
    assert login.may_exist is may_exist
