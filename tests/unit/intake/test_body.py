"""Bodies cut into lines: both forms, plain and gzip, in chunks of any size, whole or broken."""

import bz2
import gzip
import json
import lzma
import tracemalloc
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.errors import InvalidBody, TooLarge
from dayfile.files import zstd
from dayfile.intake.body import (
    BLOCK_BYTES,
    FILE_WINDOW_LOG,
    SENT_WINDOW_LOG,
    UNCUT_BYTES,
    Compression,
    LineSplitter,
    read_lines,
)
from dayfile.model.record import MAX_LINE_BYTES

MARK = b"\xef\xbb\xbf"


GZIP, ZSTD = Compression.GZIP, Compression.ZSTD
each_compression = pytest.mark.parametrize("compression", Compression, ids=lambda one: one.value)


Line = tuple[int, bytes]


def _read(chunks: Iterable[bytes], *, compression: Compression | None, max_bytes: int | None) -> Iterator[Line]:
    for lines in read_lines(chunks, compression=compression, max_bytes=max_bytes):
        yield from zip(*lines, strict=True)


def _lines(body: bytes, *, compression: Compression | None = None) -> list[Line]:
    return list(_read([body], compression=compression, max_bytes=None))


def _packed(plain: bytes, compression: Compression | None) -> bytes:
    match compression:
        case Compression.GZIP:
            return gzip.compress(plain, mtime=0)
        case Compression.ZSTD:
            return zstd.compress(plain, options={zstd.CompressionParameter.checksum_flag: 1})
        case None:
            return plain


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
    """A fault inside of an element costs this element only: the reader refuses it, and takes the others."""
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
    """Nobody knows any more where elements begin and end: half of such a body is not what its sender meant."""
    with pytest.raises(InvalidBody, match="JSON array"):
        _lines(body)


@each_compression
def test_compressed_bodies_may_have_several_members(compression: Compression) -> None:
    """Log files are put together with cat; readers that stop after the first member lose the rest without a word."""
    body = b"".join(_packed(part, compression) for part in (b'{"a"', b"", b":1}\nb"))
    assert _lines(body, compression=compression) == [(1, b'{"a":1}'), (2, b"b")]


def test_zstd_frames_that_readers_skip_are_skipped() -> None:
    """Programs that compress on several cores write one before each frame, with its size."""
    skipped = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"
    body = skipped + zstd.compress(b"a\n") + skipped + zstd.compress(b"b\n")
    chunks = [body[at : at + 1] for at in range(len(body))]
    assert list(_read(chunks, compression=ZSTD, max_bytes=None)) == [(1, b"a"), (2, b"b")]


def test_a_zstd_body_needs_bounded_memory_to_be_read() -> None:
    """A sender could ask for 2 GiB with ten bytes; an operator's own file may need what `zstd --long` makes."""

    def packed(window_log: int) -> bytes:
        packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: window_log})
        return packer.compress(b"a\n") + packer.flush()

    assert list(_read([packed(SENT_WINDOW_LOG)], compression=ZSTD, max_bytes=100)) == [(1, b"a")]
    with pytest.raises(InvalidBody, match="window of at most 8388608 bytes"):
        list(_read([packed(SENT_WINDOW_LOG + 1)], compression=ZSTD, max_bytes=100))
    assert _lines(packed(FILE_WINDOW_LOG), compression=ZSTD) == [(1, b"a")]
    with pytest.raises(InvalidBody, match="window"):
        _lines(packed(FILE_WINDOW_LOG + 1), compression=ZSTD)


@pytest.fixture(params=["isal", "zlib"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both of the libraries that may read gzip."""
    if request.param == "zlib":
        monkeypatch.setattr("dayfile.intake.body._engine", zlib)


@pytest.mark.usefixtures("engine")
@each_compression
def test_a_compressed_body_that_is_cut_off_anywhere_is_refused(compression: Compression) -> None:
    """A connection that breaks must not look like a smaller body."""
    body = _packed(b"a\nb\n", compression) * 2
    for end in range(len(body)):
        if end == len(body) // 2:
            assert len(_lines(body[:end], compression=compression)) == 2
            continue
        with pytest.raises(InvalidBody, match="cut off"):
            _lines(body[:end], compression=compression)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"a\nb\n", "is not gzip"),
        (_packed(b"a\n", ZSTD), "is not gzip"),
        (_packed(_packed(b"a\n", GZIP), GZIP), "gzip within gzip: compress it once"),
        (_packed(_packed(b"a\n", ZSTD), GZIP), "zstd within gzip: compress it once"),
        (_packed(b"a\n", GZIP) + b"\n", "has something else after its end"),
        (_packed(b"a\n", GZIP) + b"\x00" * 512, "has something else after its end"),
        (_packed(b"a\n", GZIP)[:-8] + b"\x00" * 8, "damaged"),
        (_packed(b"a\n", GZIP)[:-1] + b"\x01", "damaged"),
        (b"\x1f\x8b\x07" + _packed(b"a\n", GZIP)[3:], "damaged"),
    ],
)
def test_a_gzip_body_with_anything_wrong_is_refused(body: bytes, reason: str) -> None:
    """The checksum is there to be believed."""
    with pytest.raises(InvalidBody, match=reason):
        _lines(body, compression=GZIP)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"a\nb\n", "is not zstd"),
        (_packed(b"a\n", GZIP), "is not zstd"),
        (_packed(_packed(b"a\n", GZIP), ZSTD), "gzip within zstd: compress it once"),
        (_packed(b"a\n", ZSTD) + b"\n", "has something else after its end"),
        (_packed(b"a\n", ZSTD) + b"(", "cut off"),
        (_packed(b"a\n", ZSTD)[:-1] + b"\x01", "cannot be read"),
        (b"\x28\xb5\x2f\xfd" + b"\xff" * 20, "cannot be read"),
    ],
)
def test_a_zstd_body_with_anything_wrong_is_refused(body: bytes, reason: str) -> None:
    """The same promise as of gzip."""
    with pytest.raises(InvalidBody, match=reason):
        _lines(body, compression=ZSTD)


@each_compression
def test_compression_that_is_not_said_is_recognised(compression: Compression) -> None:
    """Else it would be cut at bytes that happen to be newlines, and kept as refused lines."""
    said = f"is {compression.value} and does not say so: send it with Content-Encoding: {compression.value}"
    with pytest.raises(InvalidBody, match=said):
        _lines(b"\n" + _packed(b"a\n", compression))


TAR = b"messages.jsonl".ljust(100, b"\x00") + b"0000644\x00".ljust(157, b"0") + b"ustar\x0000" + b"\x00" * 300
FOREIGN = [
    (b"PK\x03\x04\x14\x00\x00\x00\x08\x00\n{}\n", "a zip file.*unzip -p"),
    (b"PK\x05\x06" + b"\x00" * 18, "a zip file"),
    (bz2.compress(b"{}\n"), "bzip2.*bzip2 -dc"),
    (bz2.compress(b""), "bzip2"),
    (lzma.compress(b"{}\n"), "xz.*xz -dc"),
    (lzma.compress(b"{}\n", format=lzma.FORMAT_ALONE), "lzma"),
    (b"\x04\x22\x4d\x18\x60", "lz4"),
    (b"\x1f\x9d\x90", "compress"),
    (b"7z\xbc\xaf\x27\x1c\x00", "a 7z file"),
    (TAR, "a tar file.*tar -xOf"),
    (b"PAR1\x15\x04", "a Parquet file"),
    (b"Obj\x01\x04", "an Avro file"),
    (b"SQLite format 3\x00", "a database"),
    ('{"a": 1}\n'.encode("utf-16"), "UTF-16.*iconv"),
    ('{"a": 1}\n'.encode("utf-16-le"), "UTF-16"),
    ('[{"a": 1}]\n'.encode("utf-16-be"), "UTF-16"),
    ('{"a": 1}\n'.encode("utf-32"), "UTF-16"),
    (
        b'--------d74496d66958873e\r\nContent-Disposition: form-data; name="file"\r\n\r\n{}\n',
        "multipart.*--data-binary",
    ),
    (b"file=%7B%22sid%22%3A1%7D", "percent-encoded.*--data-binary"),
    (b"<!DOCTYPE html>\n<html>", "HTML"),
]


@pytest.mark.parametrize("compression", [None, *Compression])
@pytest.mark.parametrize(("body", "name"), FOREIGN, ids=[name.partition(".*")[0] for _, name in FOREIGN])
def test_a_file_of_another_kind_is_refused_as_a_whole(body: bytes, name: str, compression: Compression | None) -> None:
    """Cut at bytes that happen to be newlines it would be a thousand rejections, and its records would not be there."""
    sent = _packed(b"\n" + body, compression)
    for chunks in ([sent], [sent[at : at + 1] for at in range(len(sent))]):
        with pytest.raises(InvalidBody, match=name):
            list(_read(chunks, compression=compression, max_bytes=10_000))


@pytest.mark.parametrize("compression", [None, *Compression])
def test_a_body_over_the_limit_of_plain_bytes_is_too_large(compression: Compression | None) -> None:
    """The limit is on what has to be worked on, not on what came over the wire."""
    plain = b"x\n" * 5000
    body = _packed(plain, compression)
    assert len(list(_read([body], compression=compression, max_bytes=10_000))) == 5000
    with pytest.raises(TooLarge, match="9999 bytes"):
        list(_read([body], compression=compression, max_bytes=9_999))


@pytest.mark.parametrize(
    ("compression", "filling"),
    [(GZIP, b"x"), (GZIP, b" "), (GZIP, b"\\"), (GZIP, b"\n"), (GZIP, b'""'), (ZSTD, b"x")],
)
@pytest.mark.parametrize("start", [b"", b"[", b'["', b'[{"a":"', b"[1,{}", b" " * 10])
def test_no_body_takes_more_memory_than_some_batches(start: bytes, filling: bytes, compression: Compression) -> None:
    """Many times its bytes from a few: one request must not take the server's memory from the others."""
    packer = zlib.compressobj(1, wbits=31) if compression is GZIP else zstd.ZstdCompressor()
    blocks = [start, *[filling * (BLOCK_BYTES // len(filling))] * 12]
    body = b"".join(map(packer.compress, blocks)) + packer.flush()
    tracemalloc.start()
    try:
        taken = sum(1 for _ in _read([body], compression=compression, max_bytes=None))
    except InvalidBody:
        taken = 0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken <= 1
    assert peak < 8 * BLOCK_BYTES


@pytest.mark.parametrize("excess", [0, 1, 2, 3 * BLOCK_BYTES])
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
    assert list(_read(chunks, compression=None, max_bytes=None)) == _lines(body) == kept


def test_an_overlong_line_is_not_cut_to_one_that_is_not() -> None:
    """A carriage return where it is cut is none that ends it."""
    line = b"x" * MAX_LINE_BYTES + b"\r" + b"x" * (BLOCK_BYTES - 1)
    chunks = [line[:BLOCK_BYTES], line[BLOCK_BYTES:], b"\nb\n"]
    assert list(_read(chunks, compression=None, max_bytes=None)) == [(1, line[: MAX_LINE_BYTES + 1]), (2, b"b")]


def test_a_byte_order_mark_is_one_only_where_the_body_begins() -> None:
    """Anywhere else it is text that does not belong there, and what it stands before is no array."""
    body = b" " * BLOCK_BYTES + MARK + b"[1]\n"
    chunks = [body[:BLOCK_BYTES], body[BLOCK_BYTES:]]
    assert list(_read(chunks, compression=None, max_bytes=None)) == _lines(body) == [(1, MARK + b"[1]")]


def _outcome(
    body: bytes,
    *,
    sizes: list[int],
    block_bytes: int,
    uncut_bytes: int = UNCUT_BYTES,
    compression: Compression | None = None,
) -> list[Line] | str:
    """The lines of a body that comes in chunks of these sizes, over and over; or that it is refused."""
    splitter = LineSplitter(
        compression=compression, max_bytes=None, block_bytes=block_bytes, max_line_bytes=20, uncut_bytes=uncut_bytes
    )
    lines: list[Line] = []
    try:
        at = turn = 0
        while at < len(body):
            size = sizes[turn % len(sizes)]
            for some in splitter.feed(body[at : at + size]):
                lines += zip(*some, strict=True)
            at, turn = at + size, turn + 1
        return [*lines, *zip(*splitter.finish(), strict=True)]
    except InvalidBody:
        return "refused"


pieces = st.lists(
    st.sampled_from([*'[]{},:"\\ \n\r1aN', MARK.decode(), '"a":', '{"a":1}', '{"b":[]},\n', "x" * 12, '\\"', "},{"])
)
bodies = st.tuples(st.sampled_from(["", "[", "[{", MARK.decode(), " ["]), pieces).map(
    lambda parts: (parts[0] + "".join(parts[1])).encode()
)
chunk_sizes = st.lists(st.integers(1, 12), min_size=1, max_size=4)


@given(bodies, chunk_sizes, st.tuples(st.integers(4, 30), st.integers(1, 20)), st.sampled_from([None, *Compression]))
def test_chunks_make_no_difference(
    body: bytes, sizes: list[int], bounds: tuple[int, int], compression: Compression | None
) -> None:
    """The network cuts where it likes; the same body must always give the same lines, or the same refusal.

    Whether its lines are left in their text makes none, either.
    """
    whole = _outcome(body, sizes=[1000], block_bytes=BLOCK_BYTES)
    sent, (block_bytes, uncut_bytes) = _packed(body, compression), bounds
    cut = _outcome(sent, sizes=sizes, block_bytes=block_bytes, uncut_bytes=uncut_bytes, compression=compression)
    assert cut == whole


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.sampled_from(['"},{"', "\\", "]", "[{"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(st.lists(values), st.sampled_from([None, 1, "\t"]), st.sampled_from([4, BLOCK_BYTES]))
def test_the_elements_of_an_array_are_what_a_json_reader_finds(
    elements: list[Any], indent: str | int | None, block_bytes: int
) -> None:
    """The elements are the array's, whatever one holds and however the array is laid out."""
    splitter = LineSplitter(compression=None, max_bytes=None, block_bytes=block_bytes)
    body = json.dumps(elements, indent=indent, ensure_ascii=False).encode()
    lines = [line for some in (*splitter.feed(body), splitter.finish()) for line in zip(*some, strict=True)]
    assert [(number, json.loads(line)) for number, line in lines] == list(enumerate(elements, 1))
    assert all(line == line.strip() for _, line in lines)
