"""Sound JSON objects, and texts that two readers could understand differently."""

from typing import Any

import pytest

from dayfile.errors import InvalidRecord
from dayfile.model import record
from dayfile.model.resource import MESSAGES
from tests.support.record_lines import line_with, parse, refusal_of


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "must be a JSON object: Expecting value at character 1"),
        (b" \r\n", "must be a JSON object"),
        (b"[]", "must be a JSON object; got an array"),
        (b"null", "must be a JSON object; got null"),
        (b"true", "must be a JSON object; got true"),
        (b"7", "must be a JSON object; got 7"),
        (b'"x"', "must be a JSON object; got 'x'"),
        (b'{"sid":', "on one line: it is not over where the line ends"),
        (b"{", "on one line: it is not over where the line ends"),
        (b'{"sid":}', "Expecting value at character 8"),
        (
            b"{} {}",
            r"more follows it at character 3; put each record on a line of its own \(curl -d @FILE takes the new",
        ),
        (b"{}{}{}", "character 3; put each record on a line of its own"),
        (b"{},", "character 3; a comma stands between the elements of a JSON array only"),
        (b"{}x", "character 3$"),
        (b'{"a":1}{"a":1}' * 100_000, "at most 1048576 bytes long, .* put each record on a line of its own"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (line_with(b'"x":NaN'), "NaN is not JSON"),
        (line_with(b'"x":-Infinity'), "-Infinity is not JSON"),
        (line_with(b'"x":01'), "must be a JSON object"),
        (line_with(b'"x":"a\nb"'), "Invalid control character"),
        (line_with(b'"x":"\xff"'), "must be UTF-8"),
        (line_with(b'"x":"\xed\xa0\x80"'), "must be UTF-8"),
        (line_with(b'"x":"\\ud800"'), "half a surrogate pair .* look at 'x'"),
        (line_with(b'"\\udfff":1'), r"half a surrogate pair .* look at '\\udfff'"),
        (line_with(b'"x":{"y":["\\ude00\\ud83d"]}'), "half a surrogate pair"),
        (line_with(b'"sid":"SM22222222222222222222222222222222"'), "'sid' twice"),
        (line_with(b'"\\u0073id":1'), "'sid' twice"),
        (line_with(b'"x":1,"x":1'), "'x' twice"),
        (line_with(b'"uri":[{"a":1, "b":2, "a" :1}]'), "'a' twice"),
        (line_with(b'"x":' + b"[" * 100_000 + b"]" * 100_000), "nested too deeply"),
        (line_with(b'"x":' + b'{"y":' * 100_000 + b"1" + b"}" * 100_000), "nested too deeply"),
    ],
)
def test_what_is_not_one_sound_json_object_is_refused(line: bytes, reason: str) -> None:
    """A line that two readers understand differently proves nothing."""
    assert refusal_of(MESSAGES, line, reason).field is None


def test_no_depth_of_nesting_brings_the_reader_down() -> None:
    """Reading and writing run out of depth at different points; each must end in a refusal or a record."""
    outcomes: set[object] = set()
    for depth in range(100, 2000, 25):
        line = line_with(b'"x":' + b"[" * depth + b"]" * depth)
        try:
            outcomes.add(parse(MESSAGES, line).line.count(b"[") == depth)
        except InvalidRecord as error:
            outcomes.add(error.reason)
    assert outcomes == {True, "is nested too deeply: send flatter values"}
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InvalidRecord, match="nested too deeply"):
        record._line({"x": deep})
