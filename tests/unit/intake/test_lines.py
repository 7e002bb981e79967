"""Bodies cut into lines: both forms, plain and gzip, in chunks of any size, whole or broken."""

import gzip
import json
import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.errors import InvalidBody, TooLarge
from dayfile.intake import inflate
from dayfile.intake.lines import BATCH_BYTES, Line, LineSplitter, read_lines
from dayfile.model.record import MAX_LINE_BYTES

MARK = b"\xef\xbb\xbf"


def _lines(body: bytes, *, is_gzip: bool = False) -> list[Line]:
    return list(read_lines([body], is_gzip=is_gzip, max_bytes=None))


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (b"", []),
        (b"\n \r\n\t\n", []),
        (b"a\nb\n", [(1, b"a"), (2, b"b")]),
        (b"a\nb", [(1, b"a"), (2, b"b")]),
        (b"\n\na\n\n \nb\n\n", [(3, b"a"), (6, b"b")]),
        (b"a\r\nb\r\n\r\nc\r", [(1, b"a"), (2, b"b"), (4, b"c")]),
        (b"a\rb\r\r\n", [(1, b"a\rb\r")]),
        (b' {"a": 1} \n[1]\n', [(1, b'{"a": 1} '), (2, b"[1]")]),
        (b"a\x00\x0b\xff\n\x0c\n", [(1, b"a\x00\x0b\xff"), (2, b"\x0c")]),
        (MARK, []),
        (MARK + b"a\nb\n", [(1, b"a"), (2, b"b")]),
        (MARK + b"\n\na\n", [(3, b"a")]),
        (MARK + MARK + b"a\nb\n", [(1, MARK + b"a"), (2, b"b")]),
        (b"a\n" + MARK + b"b\n", [(1, b"a"), (2, MARK + b"b")]),
    ],
)
def test_a_body_of_rows_gives_its_lines_with_their_numbers(body: bytes, lines: list[Line]) -> None:
    """A rejection names a line number, and the sender's editor must show the same one."""
    assert _lines(body) == lines


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (b"[]", []),
        (b" \n[ \n]\n ", []),
        (b'[{"a":1},{"b":2}]', [(1, b'{"a":1}'), (2, b'{"b":2}')]),
        (b'[\n  {\n    "a": 1\n  },\n  {}\n]\n', [(1, b'{\n    "a": 1\n  }'), (2, b"{}")]),
        (MARK + b"[{},{}]", [(1, b"{}"), (2, b"{}")]),
        (MARK + b" \n[{},{}]", [(1, b"{}"), (2, b"{}")]),
        (MARK + b"[]", []),
    ],
)
def test_an_array_gives_its_elements_with_their_numbers(body: bytes, lines: list[Line]) -> None:
    """A rejection names the element, counted from 1, wherever its lines stand."""
    assert _lines(body) == lines


@pytest.mark.parametrize("comma", [b",", b" ,\n "])
def test_elements_come_as_they_are_written_whatever_they_are(comma: bytes) -> None:
    """What is wrong inside of an element costs this element only: the reader refuses it, and takes the others."""
    elements = [
        *(b'{"a":[{"b":1},{"c":{}}]}', b'{"d":"]},{\\"["}', b"null", b"-1.5e3", b'"a,\\"b\\\\"', b"[[],[{},{}]]"),
        *(b'{"a":NaN}', b"{b}", b'{"c":"\n"}', b'{"\xff":01}', b"{}", b"{}"),
    ]
    for start in range(len(elements)):
        body = b"[" + comma.join(elements[start:]) + b"]"
        assert _lines(body) == list(enumerate(elements[start:], 1))


@pytest.mark.parametrize(
    "body",
    [
        *(b"[", b"[ ", b"[1", b"[1,", b'["a', b'["a\\"]', b'[{"a":1}', b'[{"a":1},', b'[{"a":[1,2]'),
        *(b"[,]", b"[1,]", b"[1,,2]", b"[1 2]", b'["a""b"]', b"[{}{}]", b"[[]1]", b"[1{}]", b"[1:2]", b"[:1]"),
        *(b"[}", b"[1}", b"[{]", b"[[}]", b'[{"a":1]', b'[{"a":[1}]', b"[1]]", b"[1],", b'[1]"', b"[1]\n[2]"),
        b'[{"a":1}\n{"b":2}]',
    ],
)
def test_a_broken_array_is_a_broken_body(body: bytes) -> None:
    """Where elements begin and end is not known any more: half of such a body is not what its sender meant."""
    with pytest.raises(InvalidBody, match="JSON array"):
        _lines(body)


def test_gzip_bodies_may_have_several_members() -> None:
    """Log files are put together with cat; readers that stop after the first member lose the rest without a word."""
    body = gzip.compress(b'{"a"') + gzip.compress(b"", mtime=0) + gzip.compress(b":1}\nb", mtime=0)
    assert _lines(body, is_gzip=True) == [(1, b'{"a":1}'), (2, b"b")]


@pytest.fixture(params=["isal", "zlib"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both of the libraries that may read gzip."""
    if request.param == "zlib":
        monkeypatch.setattr(inflate, "_engine", zlib)


@pytest.mark.usefixtures("engine")
def test_a_gzip_body_that_is_cut_off_anywhere_is_refused() -> None:
    """A connection that breaks must not look like a smaller body."""
    body = gzip.compress(b"a\nb\n", mtime=0) * 2
    for end in range(len(body)):
        if end == len(body) // 2:
            assert len(_lines(body[:end], is_gzip=True)) == 2
            continue
        with pytest.raises(InvalidBody, match="cut off"):
            _lines(body[:end], is_gzip=True)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"a\nb\n", "is not gzip"),
        (gzip.compress(gzip.compress(b"a\n", mtime=0), mtime=0), "gzip within gzip: compress it once"),
        (gzip.compress(b"a\n", mtime=0) + b"\n", "has something else after its end"),
        (gzip.compress(b"a\n", mtime=0) + b"\x00" * 512, "has something else after its end"),
        (gzip.compress(b"a\n", mtime=0)[:-8] + b"\x00" * 8, "damaged"),
        (gzip.compress(b"a\n", mtime=0)[:-1] + b"\x01", "damaged"),
        (b"\x1f\x8b\x07" + gzip.compress(b"a\n", mtime=0)[3:], "damaged"),
    ],
)
def test_a_gzip_body_with_anything_wrong_is_refused(body: bytes, reason: str) -> None:
    """The checksum is there to be believed."""
    with pytest.raises(InvalidBody, match=reason):
        _lines(body, is_gzip=True)


def test_gzip_that_is_not_said_to_be_is_recognised() -> None:
    """Else it would be cut at bytes that happen to be newlines, and kept as refused lines."""
    with pytest.raises(InvalidBody, match="does not say so: send it with Content-Encoding: gzip"):
        _lines(b"\n" + gzip.compress(b"a\n"))


@pytest.mark.parametrize("is_gzip", [False, True])
def test_a_body_over_the_limit_of_plain_bytes_is_too_large(is_gzip: bool) -> None:
    """The limit is on what has to be worked on, not on what came over the wire."""
    plain = b"x\n" * 5000
    body = gzip.compress(plain, mtime=0) if is_gzip else plain
    assert len(list(read_lines([body], is_gzip=is_gzip, max_bytes=10_000))) == 5000
    with pytest.raises(TooLarge, match="9999 bytes"):
        list(read_lines([body], is_gzip=is_gzip, max_bytes=9_999))


@pytest.mark.parametrize("filling", [b"x", b" ", b"\\", b"\n", b'""'])
@pytest.mark.parametrize("start", [b"", b"[", b'["', b'[{"a":"', b"[1,{}", b" " * 10])
def test_no_body_takes_more_memory_than_some_batches(start: bytes, filling: bytes) -> None:
    """Many times its bytes from a little gzip: one request must not take the server's memory from the others."""
    packer = zlib.compressobj(1, wbits=31)
    blocks = [start, *[filling * (BATCH_BYTES // len(filling))] * 12]
    body = b"".join(map(packer.compress, blocks)) + packer.flush()
    tracemalloc.start()
    try:
        taken = sum(1 for _ in read_lines([body], is_gzip=True, max_bytes=None))
    except InvalidBody:
        taken = 0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken <= 1
    assert peak < 8 * BATCH_BYTES


@pytest.mark.parametrize("excess", [0, 1, 2, 3 * BATCH_BYTES])
def test_an_overlong_line_arrives_cut_and_costs_no_other_line(excess: int) -> None:
    """One byte over the limit is enough for the reader to refuse it; what comes after it is not its fault."""
    line = b"x" * (MAX_LINE_BYTES + excess)
    rows = [(1, b"a"), (2, line[: MAX_LINE_BYTES + 1]), (3, b"b")]
    assert _lines(b"a\n" + line + b"\nb\n") == rows
    assert _lines(b"a\r\n" + line + b"\r\nb\r\n") == rows
    text = b'{"a":"' + line[8:] + b'"}'
    assert _lines(b"[1,%b,2]" % text) == [(1, b"1"), (2, text[: MAX_LINE_BYTES + 1]), (3, b"2")]
    body = b"[{},%b,{}]" % text
    chunks = [body[start : start + 700_000] for start in range(0, len(body), 700_000)]
    kept = [(1, b"{}"), (2, text[: MAX_LINE_BYTES + 1]), (3, b"{}")]
    assert list(read_lines(chunks, is_gzip=False, max_bytes=None)) == _lines(body) == kept


def test_an_overlong_line_is_not_cut_to_one_that_is_not() -> None:
    """A carriage return where it is cut is none that ends it."""
    line = b"x" * MAX_LINE_BYTES + b"\r" + b"x" * (BATCH_BYTES - 1)
    chunks = [line[:BATCH_BYTES], line[BATCH_BYTES:], b"\nb\n"]
    assert list(read_lines(chunks, is_gzip=False, max_bytes=None)) == [(1, line[: MAX_LINE_BYTES + 1]), (2, b"b")]


def test_a_byte_order_mark_is_one_only_where_the_body_begins() -> None:
    """Anywhere else it is text that does not belong there, and what it stands before is no array."""
    body = b" " * BATCH_BYTES + MARK + b"[1]\n"
    chunks = [body[:BATCH_BYTES], body[BATCH_BYTES:]]
    assert list(read_lines(chunks, is_gzip=False, max_bytes=None)) == _lines(body) == [(1, MARK + b"[1]")]


def _outcome(body: bytes, *, sizes: list[int], batch_bytes: int, is_gzip: bool = False) -> list[Line] | str:
    """The lines of a body that comes in chunks of these sizes, over and over; or that it is refused."""
    splitter = LineSplitter(is_gzip=is_gzip, max_bytes=None, batch_bytes=batch_bytes, max_line_bytes=20)
    lines: list[Line] = []
    try:
        at = turn = 0
        while at < len(body):
            size = sizes[turn % len(sizes)]
            for batch in splitter.feed(body[at : at + size]):
                lines += batch
            at, turn = at + size, turn + 1
        return lines + splitter.finish()
    except InvalidBody:
        return "refused"


pieces = st.lists(
    st.sampled_from([*'[]{},:"\\ \n\r1aN', MARK.decode(), '"a":', '{"a":1}', '{"b":[]},\n', "x" * 12, '\\"', "},{"])
)
bodies = st.tuples(st.sampled_from(["", "[", "[{", MARK.decode(), " ["]), pieces).map(
    lambda parts: (parts[0] + "".join(parts[1])).encode()
)
chunk_sizes = st.lists(st.integers(1, 12), min_size=1, max_size=4)


@given(bodies, chunk_sizes, st.integers(4, 30), st.booleans())
def test_chunks_make_no_difference(body: bytes, sizes: list[int], batch_bytes: int, is_gzip: bool) -> None:
    """The network cuts where it likes; the same body must always give the same lines, or the same refusal."""
    whole = _outcome(body, sizes=[1000], batch_bytes=BATCH_BYTES)
    sent = gzip.compress(body, mtime=0) if is_gzip else body
    assert _outcome(sent, sizes=sizes, batch_bytes=batch_bytes, is_gzip=is_gzip) == whole


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.sampled_from(['"},{"', "\\", "]", "[{"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(st.lists(values), st.sampled_from([None, 1, "\t"]), st.sampled_from([4, BATCH_BYTES]))
def test_the_elements_of_an_array_are_what_a_json_reader_finds(
    elements: list[Any], indent: str | int | None, batch_bytes: int
) -> None:
    """Whatever an element holds, and however the array is laid out, its elements are the array's."""
    splitter = LineSplitter(is_gzip=False, max_bytes=None, batch_bytes=batch_bytes)
    body = json.dumps(elements, indent=indent, ensure_ascii=False).encode()
    lines = [line for batch in splitter.feed(body) for line in batch] + splitter.finish()
    assert [(number, json.loads(line)) for number, line in lines] == list(enumerate(elements, 1))
    assert all(line == line.strip() for _, line in lines)
