from __future__ import annotations

import gzip as stdlib
import hashlib
import platform
import zlib
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest
import xxhash
from isal import ISAL_VERSION

from dayfile.errors import Corrupt
from dayfile.files import gzip
from dayfile.files.gzip import BLOCK_BYTES, Encoder, Member

TEXT = b'{"sid":"SM0","body":"abc\xc3\xa9"}\n' * 40_000  # more than four blocks

IGZIP = gzip.igzip_encoder()
ZLIB = gzip.zlib_encoder()
ENCODERS = [pytest.param(encoder, id=encoder.name.split()[0]) for encoder in (IGZIP, ZLIB) if encoder]


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    """Threads to compress in."""
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_digest_describes_the_file(pool: Executor, encoder: Encoder) -> None:
    """The manifest is what a customer proves a download with: it must be of these bytes and of no others."""
    member = Member([TEXT], pool=pool, encoder=encoder)
    data = b"".join(member)
    assert member.digest == gzip.Digest(
        size_bytes=len(data),
        plain_bytes=len(TEXT),
        sha256=hashlib.sha256(data).hexdigest(),
        plain_sha256=hashlib.sha256(TEXT).hexdigest(),
        xxh3=xxhash.xxh3_128(data).hexdigest(),
        encoder=encoder.name,
    )


def test_both_encoders_give_the_same_text(pool: Executor) -> None:
    """A seal without igzip is slower and says so in its manifest; the records are the same."""
    texts = {stdlib.decompress(b"".join(Member([TEXT], pool=pool, encoder=one))) for one in (IGZIP, ZLIB) if one}
    assert texts == {TEXT}
    assert ZLIB.name.startswith("zlib ")
    assert IGZIP is None or IGZIP.name != ZLIB.name


def test_the_name_of_an_encoder_says_on_what_its_bytes_depend() -> None:
    """An operator who wants the same bytes again needs library, version, level and kind of processor."""
    deflate = zlib.compressobj(1, zlib.DEFLATED, -15)
    assert ZLIB.deflate(TEXT) == deflate.compress(TEXT) + deflate.flush(zlib.Z_FULL_FLUSH)
    assert ZLIB.name == f"zlib {zlib.ZLIB_RUNTIME_VERSION} level 1 {platform.machine()}"


@pytest.mark.skipif(IGZIP is None, reason="isal has no wheel for this platform")
def test_the_faster_encoder_is_taken_where_it_is() -> None:
    """It is what makes a large day bearable, and its name says which processor decides on its bytes."""
    assert gzip.best_encoder().name.startswith(f"isa-l {ISAL_VERSION} level 1 {platform.machine()}")


def test_a_small_text_gives_the_bytes_of_a_streamed_one(pool: Executor) -> None:
    """The same day sealed anew, in company or alone, must not look changed."""
    for text in (b"", b"x\n", TEXT[: BLOCK_BYTES - 1], TEXT[:BLOCK_BYTES], TEXT[: BLOCK_BYTES + 1], TEXT):
        member = Member([text], pool=pool)
        assert gzip.compress([text]) == (b"".join(member), member.digest)
        assert gzip.begin([text], pool=pool)() == gzip.compress([text])
        assert b"".join(gzip.compressed([text], pool=pool)) == gzip.compress([text])[0]


def test_nothing_is_a_file_too() -> None:
    """An empty day is listed and can be downloaded."""
    data, digest = gzip.compress([])
    assert stdlib.decompress(data) == b""
    assert (digest.size_bytes, digest.plain_bytes) == (len(data), 0)


def test_the_header_has_no_time_and_no_name() -> None:
    """Either would make other bytes of the same records."""
    assert gzip.compress([b"x"])[0][:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def test_the_digest_is_not_known_early(pool: Executor) -> None:
    """Half a hash in a manifest would be worse than none."""
    member = Member([TEXT], pool=pool)
    next(iter(member))
    with pytest.raises(ValueError, match="last block"):
        _ = member.digest


def test_an_error_of_the_source_ends_the_file(pool: Executor) -> None:
    """A file that ends where its source broke would be valid, and short."""

    def chunks() -> Iterator[bytes]:
        yield TEXT
        raise ConnectionResetError

    member = Member(chunks(), pool=pool)
    with pytest.raises(ConnectionResetError):
        list(member)
    with pytest.raises(ValueError, match="last block"):
        _ = member.digest


def test_text_is_taken_as_it_is_needed(pool: Executor) -> None:
    """A day of a giant account does not fit into memory: only a few blocks may be on their way."""
    taken = 0

    def chunks() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield bytes(BLOCK_BYTES)

    blocks = iter(Member(chunks(), pool=pool))
    for _ in range(3):
        next(blocks)
    assert taken < 30


@pytest.mark.parametrize("size", [1, 7, 1_000_000])
def test_a_file_is_read_back_however_it_is_cut(size: int) -> None:
    """Storage gives blocks where it likes, also within the trailer."""
    data = stdlib.compress(TEXT)[:]
    cut = (data[at : at + size] for at in range(0, len(data), size))
    assert b"".join(gzip.plain(cut)) == TEXT


def test_a_small_file_of_much_text_is_read_in_blocks() -> None:
    """A file can hold a thousand times its size; a reader that unpacks it at once dies of it."""
    data = stdlib.compress(bytes(50_000_000))
    assert max(map(len, gzip.plain([data]))) <= 1024 * 1024


DATA = gzip.compress([TEXT])[0]


@pytest.mark.parametrize(
    ("damaged", "reason"),
    [
        (b"", "cut off"),
        (DATA[:5], "cut off"),
        (DATA[:-1], "cut off"),
        (DATA[: len(DATA) // 2], "cut off"),
        (b"not gzip at all", "damaged"),
        (DATA[:-5] + bytes([DATA[-5] ^ 1]) + DATA[-4:], "damaged"),  # the checksum
        (DATA[:-1] + bytes([DATA[-1] ^ 1]), "damaged"),  # the length
        (DATA + b"\0", "goes on after its end"),
        (DATA + DATA, "goes on after its end"),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_a_file_that_is_not_one_whole_member_is_corrupt(damaged: bytes, reason: str, at_once: bool) -> None:
    """Records that are missing from a former file would be missing from every later revision."""
    chunks = [damaged] if at_once else [damaged[at : at + 100] for at in range(0, len(damaged), 100)]
    with pytest.raises(Corrupt, match=reason):
        list(gzip.plain(chunks))
