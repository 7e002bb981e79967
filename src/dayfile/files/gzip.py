"""Compression of lines to one gzip member, in parallel, and decompression.

The text is cut into blocks of a fixed size. Each is compressed separately to raw deflate that ends with a full flush,
so the compressed blocks, one after the other, are one deflate stream; between a header and a trailer they are one gzip
member. The same text gives the same bytes from the same encoder, whatever chunks it comes in and however many threads
there are: as a rule. igzip was seen to give other, equally good ones once in about 100,000 calls, as if a block of 351
bytes had come in two calls, of 289 bytes and the rest. So nothing may depend on it: the text's hash is what counts.

Never several members: widespread readers stop silently after the first.
"""

from __future__ import annotations

import hashlib
import platform
import struct
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec
import xxhash

from dayfile.errors import Corrupt

_igzip: Any
try:
    from isal import ISAL_VERSION
    from isal import isal_zlib as _igzip
except ImportError:  # no wheel for this platform: slower, and the same text
    ISAL_VERSION, _igzip = "", None

Bytes = bytes | bytearray | memoryview

crc32: Final[Callable[..., int]] = (_igzip or zlib).crc32
"""The CRC-32 of bytes, optionally continued from that of the bytes before them."""

BLOCK_BYTES: Final = 256 * 1024
"""The bytes of text compressed in one call. Part of the format: with another size the same text gives other bytes."""

_LEVEL: Final = 1
_RAW: Final = -15
_GZIP: Final = 31
_HEADER: Final = bytes.fromhex("1f8b08000000000000ff")  # deflate, no flags, no time, unknown system
_END: Final = bytes.fromhex("0300")  # an empty last block
_PLAIN_BYTES: Final = 1024 * 1024
_TASK_BLOCKS: Final = 4  # compressed one after the other: every task costs something, too
_AHEAD: Final = 6  # tasks that may be in the pool at once
_ERRORS: Final[tuple[type[Exception], ...]] = (zlib.error, _igzip.error) if _igzip else (zlib.error,)
_VECTOR_UNITS: Final = (("avx512bw", "avx512"), ("avx2", "avx2"), ("sse4_2", "sse4"))


@dataclass(frozen=True, slots=True)
class Encoder:
    """A compressor. Its name is in every manifest, because another encoder gives other bytes."""

    name: str
    deflate: Callable[[Bytes], bytes]  # one block to raw deflate that ends with a full flush


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """The sizes and hashes of a gzip file."""

    size_bytes: int
    plain_bytes: int
    sha256: str  # of the gzip file
    plain_sha256: str  # of the text in it
    encoder: str
    xxh3: str | None = None  # of the gzip file; None for a text of one block: its SHA-256 takes no time


class Member:
    """One gzip member, made while it is iterated over, once; after that, `digest` describes it.

    The chunks of text must not change until then. At most a few blocks are in memory.
    """

    def __init__(self, chunks: Iterable[Bytes], *, pool: Executor, encoder: Encoder | None = None) -> None:
        self._chunks = chunks
        self._pool = pool
        self._encoder = encoder or best_encoder()
        self._digest: Digest | None = None

    @property
    def digest(self) -> Digest:
        if self._digest is None:
            raise ValueError("the digest is known when the last block has been taken")
        return self._digest

    def __iter__(self) -> Iterator[bytes]:
        coded = _Coded(self._encoder)
        yield from _parts(self._chunks, coded, pool=self._pool, encoder=self._encoder)
        self._digest = coded.digest()


def compressed(chunks: Iterable[Bytes], *, pool: Executor) -> Iterator[bytes]:
    """Yield one gzip member, the same bytes as those of a `Member`, for what nobody needs the hashes of."""
    return _parts(chunks, _Counted(), pool=pool, encoder=best_encoder())


def compress(chunks: Iterable[Bytes], *, encoder: Encoder | None = None) -> tuple[bytes, Digest]:
    """Return a text that fits in memory as one gzip member: the same bytes as a Member's, made in this thread."""
    encoder = encoder or best_encoder()
    if isinstance(chunks, list) and len(chunks) == 1 and 0 < len(chunks[0]) <= BLOCK_BYTES:
        return _compress_block(chunks[0], encoder)
    coded = _Coded(encoder)
    return coded.whole(_deflated(_blocks(map(coded.read, chunks)), encoder))


def begin(
    chunks: Iterable[Bytes], *, pool: Executor, encoder: Encoder | None = None
) -> Callable[[], tuple[bytes, Digest]]:
    """Read a text that fits in memory to its end and start to compress it in the pool.

    Returns a function that waits for the member. So the next text can begin before this member is complete.
    """
    encoder = encoder or best_encoder()
    coded = _Coded(encoder)
    compressing = list(_submitted(map(coded.read, chunks), pool, encoder))
    return lambda: coded.whole(block for future in compressing for block in future.result())


def plain(chunks: Iterable[Bytes]) -> Iterator[bytes]:
    """Yield the text of a gzip file, in blocks; raises Corrupt if it is damaged, cut off or not exactly one member."""
    inflate = (_igzip or zlib).decompressobj(wbits=_GZIP)
    for chunk in chunks:
        if chunk and inflate.eof:
            raise _goes_on()
        yield from _inflated(inflate, chunk)
        if inflate.unused_data:
            raise _goes_on()
    if not inflate.eof:
        raise Corrupt("the gzip file is cut off")


@cache
def best_encoder() -> Encoder:
    """Return the encoder of this machine: igzip where there is a wheel of it, else zlib."""
    return igzip_encoder() or zlib_encoder()


def igzip_encoder() -> Encoder | None:
    """Return Intel's igzip, some eight times as fast as zlib at the same size; None where it is not installed."""
    if _igzip is None:
        return None

    def deflate(block: Bytes) -> bytes:
        compressor = _igzip.compressobj(_LEVEL, _igzip.DEFLATED, _RAW)
        return bytes(compressor.compress(block) + compressor.flush(_igzip.Z_FULL_FLUSH))

    # igzip picks its code by the CPU, and other code may find other matches.
    name = f"isa-l {ISAL_VERSION} level {_LEVEL} {platform.machine()} {_vector_unit()}"
    return Encoder(name=name.strip(), deflate=deflate)


def zlib_encoder() -> Encoder:
    """Return Python's own zlib, which is everywhere."""

    def deflate(block: Bytes) -> bytes:
        compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW)
        return compressor.compress(block) + compressor.flush(zlib.Z_FULL_FLUSH)

    name = f"zlib {zlib.ZLIB_RUNTIME_VERSION} level {_LEVEL} {platform.machine()}"
    return Encoder(name=name, deflate=deflate)


def _compress_block(text: Bytes, encoder: Encoder) -> tuple[bytes, Digest]:
    """Do the same with a text of one block: most files are so small that what a `_Coded` costs would be half of it."""
    size = len(text)
    data = b"".join((_HEADER, encoder.deflate(text), _END, struct.pack("<II", crc32(text), size)))
    digest = Digest(
        size_bytes=len(data),
        plain_bytes=size,
        sha256=hashlib.sha256(data).hexdigest(),
        plain_sha256=hashlib.sha256(text).hexdigest(),
        encoder=encoder.name,
    )
    return data, digest


class _Counted:
    """The CRC-32 and the size of the text of a member in the making, fed in the order of its bytes."""

    def __init__(self) -> None:
        self._crc = 0
        self._plain_bytes = 0

    def read(self, chunk: Bytes) -> memoryview:
        """Count the next chunk of text, and return it as bytes."""
        view = memoryview(chunk).cast("B")
        self._crc = crc32(view, self._crc)
        self._plain_bytes += len(view)
        return view

    def add(self, coded: bytes) -> bytes:
        """Accept the next bytes of the file, and return them."""
        return coded

    def end(self) -> bytes:
        """Return the last block and the trailer."""
        return _END + struct.pack("<II", self._crc, self._plain_bytes % 2**32)


class _Coded(_Counted):
    """The same with the hashes and sizes of text and file."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self._encoder = encoder
        self._size_bytes = 0
        self._plain_hash = hashlib.sha256()
        self._hash = hashlib.sha256()
        self._xxh3 = xxhash.xxh3_128()

    def read(self, chunk: Bytes) -> memoryview:
        """Count and hash the next chunk of text, and return it as bytes."""
        view = super().read(chunk)
        self._plain_hash.update(view)
        return view

    def add(self, coded: bytes) -> bytes:
        """Count and hash the next bytes of the file, and return them."""
        self._size_bytes += len(coded)
        self._hash.update(coded)
        self._xxh3.update(coded)
        return coded

    def whole(self, blocks: Iterable[bytes]) -> tuple[bytes, Digest]:
        """Return the member of all text that has been read, compressed to these blocks, and its digest."""
        parts = [self.add(_HEADER), *map(self.add, blocks), self.add(self.end())]
        return b"".join(parts), self.digest()

    def digest(self) -> Digest:
        """Return the digest of the member."""
        return Digest(
            size_bytes=self._size_bytes,
            plain_bytes=self._plain_bytes,
            sha256=self._hash.hexdigest(),
            plain_sha256=self._plain_hash.hexdigest(),
            encoder=self._encoder.name,
            xxh3=self._xxh3.hexdigest() if self._plain_bytes > BLOCK_BYTES else None,
        )


def _parts(chunks: Iterable[Bytes], counted: _Counted, *, pool: Executor, encoder: Encoder) -> Iterator[bytes]:
    """Yield the bytes of a member, told to `counted` in their order; the pool compresses some blocks ahead."""
    compressing: deque[Future[list[bytes]]] = deque()
    try:
        yield counted.add(_HEADER)
        for future in _submitted(map(counted.read, chunks), pool, encoder):
            compressing.append(future)
            if len(compressing) >= _AHEAD:
                yield from map(counted.add, compressing.popleft().result())
        while compressing:
            yield from map(counted.add, compressing.popleft().result())
        yield counted.add(counted.end())
    finally:
        for future in compressing:  # only after an error, or when nobody wants the rest
            future.cancel()


def _submitted(chunks: Iterable[memoryview], pool: Executor, encoder: Encoder) -> Iterator[Future[list[bytes]]]:
    """Yield the tasks that compress a text, in the order of their blocks."""
    blocks = _blocks(chunks)
    while task := list(islice(blocks, _TASK_BLOCKS)):
        yield pool.submit(_deflated, task, encoder)


def _deflated(blocks: Iterable[Bytes], encoder: Encoder) -> list[bytes]:
    return list(map(encoder.deflate, blocks))


def _blocks(chunks: Iterable[memoryview]) -> Iterator[Bytes]:
    """Cut text into blocks of the fixed size, the last one shorter: each one buffer, copied only where chunks meet."""
    parts: list[memoryview] = []
    missing = BLOCK_BYTES
    for chunk in chunks:
        rest = chunk
        while rest:
            part, rest = rest[:missing], rest[missing:]
            parts.append(part)
            missing -= len(part)
            if not missing:
                yield _one(parts)
                parts, missing = [], BLOCK_BYTES
    if parts:
        yield _one(parts)


def _one(parts: Sequence[memoryview]) -> Bytes:
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _inflated(inflate: Any, chunk: Bytes) -> Iterator[bytes]:
    """Yield the text of a chunk, block by block: a small chunk may expand a thousandfold."""
    rest = chunk
    while not inflate.eof:
        try:
            block: bytes = inflate.decompress(rest, _PLAIN_BYTES)
        except _ERRORS as error:
            raise Corrupt(f"the gzip file is damaged: {error}") from error
        if block:
            yield block
        rest = inflate.unconsumed_tail
        if not rest and len(block) < _PLAIN_BYTES:
            return


def _goes_on() -> Corrupt:
    return Corrupt("the gzip file goes on after its end: it must be one member and nothing else")


def _vector_unit() -> str:
    """Return the widest vector instructions of this CPU, as far as the system tells."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("flags")[2].partition("\n")[0].split()
    except OSError:
        return ""
    return next((name for flag, name in _VECTOR_UNITS if flag in flags), "")
