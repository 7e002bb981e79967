"""Lines that stay in their text: they are what a list of them would be."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.model.text_lines import TextLines, joined, size_of

lines = st.lists(st.binary(max_size=5).map(lambda line: line.replace(b"\n", b"")), max_size=12)
bounds = st.none() | st.integers(-15, 15)
parts = st.builds(slice, bounds, bounds)


def lines_in_a_text(given: list[bytes], *, before: bytes = b"") -> TextLines:
    """The same lines in a text that begins and ends with something else."""
    ends = [len(before) + sum(map(len, given[:count])) + count for count in range(1, len(given) + 1)]
    text = before + b"".join(line + b"\n" for line in given) + b"the beginning of another line"
    return TextLines(text, ends, start=len(before))


@given(lines, parts, parts)
def test_parts_of_them_are_those_of_a_list(given: list[bytes], some: slice, within: slice) -> None:
    """Readers take some of them, and try again with others."""
    part = lines_in_a_text(given, before=b"before\n")[some][within]
    expected = given[some][within]
    assert [part[at] for at in range(-len(expected), len(expected))] == [*expected, *expected]
    assert list(part) == expected
    assert len(part) == len(expected)
    assert joined(part) == joined(expected)
    assert size_of(part) == size_of(expected)


@given(lines, st.integers(-15, 15))
def test_there_is_no_line_beyond_the_last(given: list[bytes], at: int) -> None:
    """Bytes beside them are another's."""
    if -len(given) <= at < len(given):
        return
    with pytest.raises(IndexError):
        lines_in_a_text(given)[at]


@given(lines, parts)
def test_they_arrive_in_another_process_without_the_rest_of_the_text(given: list[bytes], some: slice) -> None:
    """A chunk of a file may be a small part of the block that it was cut from."""
    sent = pickle.dumps(lines_in_a_text(given, before=b"before")[some])
    assert list(pickle.loads(sent)) == given[some]  # noqa: S301 - it is ours
    assert b"another line" not in sent
    assert b"before" not in sent
