"""As what records may be sent: as anything but what a browser's form can make of text and files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from dayfile.api.request_bodies import check_batch_type
from dayfile.errors import InvalidBody

spaces = st.text(" \t", max_size=3)
parameters = st.sampled_from(["", ";", "; charset=utf-8", ';boundary="a;b"', " ; application/json"])


def sent_as(*kinds: str) -> Request:
    """A request with these content types."""
    return Request({"type": "http", "headers": [(b"content-type", kind.encode("latin-1")) for kind in kinds]})


@given(
    st.sampled_from(["text/plain", "Text/Plain", "TEXT/PLAIN", "multipart/form-data", "Multipart/Form-Data"]),
    spaces,
    spaces,
    parameters,
)
def test_what_forms_send_text_and_files_as_is_refused(kind: str, before: str, after: str, parameter: str) -> None:
    """However it is spelled; and the message says what to send."""
    with pytest.raises(InvalidBody, match=rf"Content-Type {kind.lower()}: send JSON lines as application/x-ndjson"):
        check_batch_type(sent_as(before + kind + after + parameter))
    with pytest.raises(InvalidBody):
        check_batch_type(sent_as("application/json", kind + parameter))


@given(
    st.sampled_from(
        [
            "application/json",
            "application/x-ndjson",
            "application/jsonlines",
            "application/octet-stream",
            "application/gzip",
            "application/x-www-form-urlencoded",
            "text/json",
            "text/plainer",
            "application/json; was=text/plain",
            "",
            ";",
            "nonsense",
        ]
    ),
    parameters,
)
def test_whatever_platforms_send_is_taken(kind: str, parameter: str) -> None:
    """Curl and urllib call everything a form, and the bytes tell what it is."""
    check_batch_type(sent_as(kind + parameter))
    check_batch_type(sent_as())
