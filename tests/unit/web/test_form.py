"""Small forms: what browsers send is read, everything else is refused with the rule."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from dayfile.errors import InvalidBody, TooLarge
from dayfile.web.form import read_page_form

FORM = "application/x-www-form-urlencoded"


def read(*blocks: bytes, kind: str = FORM) -> Mapping[str, str]:
    """The fields of a form that comes in these blocks."""
    messages = iter([{"type": "http.request", "body": block, "more_body": True} for block in blocks])

    async def receive() -> Message:
        return next(messages, {"type": "http.request", "body": b"", "more_body": False})

    headers = [(b"content-type", kind.encode())] if kind else []
    return asyncio.run(read_page_form(Request({"type": "http", "headers": headers}, receive)))


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=5))
def test_what_a_browser_sends_is_read_back(fields: dict[str, str]) -> None:
    """Nothing that somebody types is lost or becomes something else."""
    if fields:
        assert read(urlencode(fields).encode(), kind=f"{FORM};charset=UTF-8") == fields


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (b"key_sid=x", "", "Content-Type"),
        (b"key_sid=x", "text/plain", "not 'text/plain'"),
        (b"key_sid=x", "multipart/form-data; boundary=x", "multipart/form-data"),
        (b"key_sid=%ff", FORM, "UTF-8"),
        (b"\xff", FORM, "UTF-8"),
        (b"&".join(b"a%d=1" % n for n in range(21)), FORM, "a few fields"),
    ],
)
def test_what_no_page_sends_is_refused(body: bytes, kind: str, message: str) -> None:
    """Nothing is guessed at."""
    with pytest.raises(InvalidBody, match=message):
        read(body, kind=kind)


def test_no_more_is_read_than_a_form_needs() -> None:
    """The sender is not known yet."""
    with pytest.raises(TooLarge, match="4096 bytes"):
        read(*[b"a" * 1024] * 5)
