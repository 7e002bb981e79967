from __future__ import annotations

import gzip as stdlib
import io
import shutil
import subprocess
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.files import gzip
from dayfile.files.gzip import BLOCK_BYTES, Encoder, Member

ENCODERS = [encoder for encoder in (gzip.igzip_encoder(), gzip.zlib_encoder()) if encoder]


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """Texts of all sizes around the borders of blocks, from monotonous to random."""
    size = draw(st.integers(0, 3)) * BLOCK_BYTES + draw(st.integers(-3, 3) | st.integers(0, 5000))
    pattern = draw(st.binary(min_size=1, max_size=200))
    noise = draw(st.randoms(use_true_random=False)).randbytes(draw(st.sampled_from([0, 100, 400_000])))
    return ((pattern * 50 + noise) * (max(size, 0) // (len(pattern) * 50 + len(noise)) + 1))[: max(size, 0)]


@st.composite
def cut_texts(draw: st.DrawFn) -> list[memoryview]:
    """A text in pieces of any size."""
    text = draw(texts())
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return [memoryview(text)[start:stop] for start, stop in pairwise([0, *cuts, len(text)])]


def member(chunks: Sequence[memoryview], *, threads: int, encoder: Encoder) -> bytes:
    """The file of a text."""
    with ThreadPoolExecutor(threads) as pool:
        return b"".join(Member(chunks, pool=pool, encoder=encoder))


@given(chunks=cut_texts(), threads=st.integers(1, 4), encoder=st.sampled_from(ENCODERS))
def test_the_bytes_depend_on_the_text_alone(chunks: list[memoryview], threads: int, encoder: Encoder) -> None:
    """The same records give the same file, however they came and on however many processors they were sealed."""
    text = b"".join(chunks)
    assert member(chunks, threads=threads, encoder=encoder) == gzip.compress([text], encoder=encoder)[0]


@given(chunks=cut_texts(), encoder=st.sampled_from(ENCODERS))
@pytest.mark.compat(32)
def test_every_reader_sees_exactly_one_member_with_the_text(chunks: list[memoryview], encoder: Encoder) -> None:
    """Readers that stop silently after the first member are widespread: there must be nothing after it."""
    text = b"".join(chunks)
    data = member(chunks, threads=2, encoder=encoder)
    naive = zlib.decompressobj(wbits=31)
    assert naive.decompress(data) == text
    assert naive.eof
    assert naive.unused_data == b""
    with stdlib.GzipFile(fileobj=io.BytesIO(data)) as file:
        assert file.read() == text
    assert b"".join(gzip.plain([data])) == text


@given(text=texts(), size=st.integers(1, 100_000))
def test_reading_back_is_the_inverse(text: bytes, size: int) -> None:
    """The sealed file is the record store: what went in must come out, for the next revision is made of it."""
    data, _ = gzip.compress([text])
    assert b"".join(gzip.plain(data[at : at + size] for at in range(0, len(data), size))) == text


@pytest.mark.skipif(shutil.which("gzip") is None, reason="there is no gzip program here")
@given(chunks=cut_texts(), encoder=st.sampled_from(ENCODERS))
def test_the_gzip_program_accepts_it(chunks: list[memoryview], encoder: Encoder) -> None:
    """The program that most customers unpack with has its own ideas of what is valid."""
    data = member(chunks, threads=2, encoder=encoder)
    done = subprocess.run(["gzip", "-t"], input=data, capture_output=True, check=False)  # noqa: S607 - whichever it is
    assert (done.returncode, done.stderr) == (0, b"")
