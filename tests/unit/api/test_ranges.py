from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.api.ranges import Part, RangeNotSatisfiable, is_known, requested_part

ETAG = '"' + "0a" * 32 + '"'


def part(header: str | None, if_range: str | None = None, *, size_bytes: int = 100) -> Part | None:
    """Return the part that is sent of a file of a hundred bytes."""
    return requested_part(header, if_range, etag=ETAG, size_bytes=size_bytes)


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=10-19", 10, 20),
        ("bytes=90-1000", 90, 100),
        ("bytes=99-", 99, 100),
        ("bytes=0-", 0, 100),
        ("bytes=-1", 99, 100),
        ("bytes=-100", 0, 100),
        ("bytes=-1000", 0, 100),
        (" Bytes=10-19 ", 10, 20),
    ],
)
def test_one_range_is_sent_as_asked(header: str, start: int, stop: int) -> None:
    """A download that broke off goes on exactly where it stopped."""
    assert part(header) == Part(start=start, stop=stop)


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=999999999999999999-"])
def test_a_range_outside_the_file_says_how_long_it_is(header: str) -> None:
    """So a downloader that has everything already knows that it is done."""
    with pytest.raises(RangeNotSatisfiable, match="has 100 bytes") as error:
        part(header)
    assert error.value.size_bytes == 100


@pytest.mark.parametrize(
    "header",
    [None, "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "lines=0-1", "bytes=5-4", "bytes=0-1,5-6", "bytes=0-1, -5"],
)
def test_anything_else_gets_the_whole_file(header: str | None) -> None:
    """Units, forms and lists of ranges that a server does not serve are no reason to refuse."""
    assert part(header) is None


@pytest.mark.parametrize(
    ("if_range", "expected"),
    [
        (ETAG, Part(start=1, stop=100)),
        (f" {ETAG} ", Part(start=1, stop=100)),
        ('"other"', None),
        (f"W/{ETAG}", None),  # a weak match does not promise the same bytes
        ("Mon, 23 Nov 2026 10:00:00 GMT", None),
    ],
)
def test_a_part_is_sent_only_to_continue_the_same_bytes(if_range: str, expected: Part | None) -> None:
    """Two halves of different revisions would make a file that was never sealed."""
    assert part("bytes=1-", if_range) == expected


def test_if_range_saves_from_an_error_about_another_file() -> None:
    """The client asked for the rest of a longer file that is no more: it gets this one from the start."""
    assert part("bytes=100-", '"other"') is None


@given(st.integers(1, 1000), st.integers(0, 2000), st.integers(0, 2000))
def test_no_part_reaches_beyond_the_file(size_bytes: int, first: int, last: int) -> None:
    """Content-Length is promised before the first byte is read."""
    for header in (f"bytes={first}-{last}", f"bytes={first}-", f"bytes=-{last}"):
        try:
            found = part(header, size_bytes=size_bytes)
        except RangeNotSatisfiable:
            continue
        assert found is None or 0 <= found.start < found.stop <= size_bytes


@pytest.mark.parametrize(
    ("header", "known"),
    [
        (None, False),
        ("*", True),
        (ETAG, True),
        (f"W/{ETAG}", True),
        (f'"other", {ETAG}', True),
        ('"other"', False),
        (ETAG.strip('"'), False),
        ("", False),
    ],
)
def test_who_has_these_bytes_is_not_sent_them_again(header: str | None, known: bool) -> None:
    """If-None-Match compares weakly, over a list."""
    assert is_known(header, etag=ETAG) is known


def test_a_part_is_named_as_the_rfc_names_it() -> None:
    """The last byte is included there, and is not in ours."""
    assert Part(start=0, stop=10).content_range(100) == "bytes 0-9/100"
