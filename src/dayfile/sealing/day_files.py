"""The day files of a piece: the text is split by account, compressed, hashed and stored.

Most accounts are small: their files are compressed side by side, hundreds in a task, and share packs. Others have an
object of their own, stored in batches while the next ones are being compressed. A large file is compressed in parallel
and streamed into its object.

Whatever is done for each file is done in the pool, where it waits for nobody: the thread that hands out tasks would
hold the GIL for a millisecond after each of them, and all others stand still.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

import msgspec

from dayfile.files import gzip
from dayfile.files.storage import Storage
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.export import NewSealedDay
from dayfile.sealing.packs import PackWriter

_SMALL_BYTES: Final = 4 * 1024 * 1024  # of text: one thread compresses it
_LARGE_BYTES: Final = 64 * 1024 * 1024  # of text: streamed, not held in memory
_TASK_BYTES: Final = 1024 * 1024
_TASK_FILES: Final = 500
_AHEAD_BYTES: Final = 8 * 1024 * 1024  # of text that may be in compression while more is read
_STORED_BYTES: Final = 4 * 1024 * 1024
_STORED_FILES: Final = 2000
_TOTALS_AT_ONCE: Final = 1000  # made Python objects of: nobody else gets the GIL meanwhile
_STORING: Final = 3  # writes in flight: a disk that others write to is slow now and then


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Name and revision of one account's new file, and the SHA-256 of the text of its current file, if there is one."""

    key: str
    revision: int
    former_plain_sha256: str | None
    is_incomplete: bool = False


class _Totals(msgspec.Struct, frozen=True):
    """Counts, sizes and times (Unix time) of one account's lines, in the order of `NewestLines.totals`."""

    account: AccountSid
    records: int
    plain_bytes: int
    first_created: int
    last_created: int

    def sealed(self, target: Target, digest: gzip.Digest, *, pack: tuple[str, int] | None = None) -> NewSealedDay:
        """Return the manifest of the compressed file; `pack` is the key of its pack and its offset there."""
        pack_key, pack_offset = pack or (None, None)
        return NewSealedDay(
            account=self.account,
            revision=target.revision,
            key=target.key,
            records=self.records,
            size_bytes=digest.size_bytes,
            plain_bytes=digest.plain_bytes,
            sha256=digest.sha256,
            plain_sha256=digest.plain_sha256,
            encoder=digest.encoder,
            first_created_at=datetime.fromtimestamp(self.first_created, UTC),
            last_created_at=datetime.fromtimestamp(self.last_created, UTC),
            is_incomplete=target.is_incomplete,
            pack_key=pack_key,
            pack_offset=pack_offset,
            xxh3=digest.xxh3,
        )


_TargetOf = Callable[[AccountSid], Target]
_Made = tuple[_Totals, Target, gzip.Digest]


class _Batch:
    """Compressed files, in their order: those that share packs, and those that get objects of their own."""

    def __init__(self, pack_below: int) -> None:
        """Take the size, compressed, from which on a file has its own object."""
        self._pack_below = pack_below
        self.packed: list[_Made] = []
        self.data: list[bytes] = []  # of those
        self.size_bytes = 0  # the same
        self.apart: list[tuple[NewSealedDay, bytes]] = []

    def add(self, one: _Totals, target: Target, data: bytes, digest: gzip.Digest) -> None:
        """Add a compressed file, unless its text has not changed."""
        if digest.plain_sha256 == target.former_plain_sha256:
            return
        if len(data) < self._pack_below:
            self.packed.append((one, target, digest))
            self.data.append(data)
            self.size_bytes += len(data)
        else:
            self.apart.append((one.sealed(target, digest), data))


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """The packing of small files: of fewer than `below` bytes, under keys with the prefix and the unique text."""

    below: int
    prefix: str
    unique: str


class _Unchanged(Exception):
    """The account's current file has exactly this text."""


def store_day_files(
    totals: Iterable[Any],
    text: Iterator[memoryview],
    target_of: _TargetOf,
    *,
    packing: Packing,
    storage: Storage,
    pool: Executor,
) -> Iterator[NewSealedDay]:
    """Store a file for each account whose text has changed, and yield its manifest once the file is durable.

    `text` holds the lines of the accounts in `totals` (from `NewestLines.totals`), one account after the other.
    """
    cut = _Text(text)
    making = _Making(target_of, pool, pack_below=packing.below)
    with _Stores(storage, packing, pool=pool) as stores:
        for one in _totals(totals):
            if one.plain_bytes > _LARGE_BYTES:
                making.begin(cut)
                part = cut.take(one.plain_bytes)
                yield from _stream(one, target_of(one.account), part, storage=storage, pool=pool)
            else:
                for batch in making.add(one, cut):
                    yield from stores.add(batch)
        for batch in making.finish(cut):
            yield from stores.add(batch)
        yield from stores.finish()


def store_empty(account: AccountSid, day: Day, target: Target, *, storage: Storage) -> NewSealedDay:
    """Store a file without records, for an account all of whose records are lost. It is durable on return."""
    data, digest = gzip.compress([])
    storage.put(target.key, [data])
    start = int(day.start.timestamp())
    return _Totals(account, 0, 0, start, start).sealed(target, digest)


class _Text:
    """A stream of text that arrives in portions and is read in pieces of other sizes."""

    def __init__(self, portions: Iterator[memoryview]) -> None:
        self._portions = portions
        self._rest = memoryview(b"")

    def take(self, size: int) -> Iterator[memoryview]:
        """Yield the next `size` bytes; consume them all before the next call."""
        while size:
            if not self._rest:
                self._rest = next(self._portions)
            part = self._rest[:size]
            self._rest = self._rest[len(part) :]
            size -= len(part)
            yield part


class _Making:
    """Files being compressed while the text of the next ones is read; small files share a task of the pool."""

    def __init__(self, target_of: _TargetOf, pool: Executor, *, pack_below: int) -> None:
        self._target_of = target_of
        self._pool = pool
        self._pack_below = pack_below
        self._task: list[_Totals] = []
        self._task_bytes = 0
        self._running: deque[tuple[int, Callable[[], _Batch]]] = deque()
        self._running_bytes = 0

    def add(self, one: _Totals, text: _Text) -> Sequence[_Batch]:
        """Begin to compress a file, whose text comes next; return the files finished by now, this one or others."""
        if one.plain_bytes > _SMALL_BYTES:
            self.begin(text)
            member = gzip.begin(text.take(one.plain_bytes), pool=self._pool)
            self._run(one.plain_bytes, lambda: self._batch(one, *member()))
        else:
            self._task.append(one)
            self._task_bytes += one.plain_bytes
            if self._task_bytes < _TASK_BYTES and len(self._task) < _TASK_FILES:
                return ()
            self.begin(text)
        made: list[_Batch] = []
        while self._running_bytes > _AHEAD_BYTES and len(self._running) > 1:  # the last has only just begun
            made.append(self._ended())
        return made

    def begin(self, text: _Text) -> None:
        """Begin to compress all files that were added, so that the text goes on with the next one."""
        if self._task:
            parts = list(text.take(self._task_bytes))
            task = self._pool.submit(_compress, self._task, self._target_of, parts, pack_below=self._pack_below)
            self._run(self._task_bytes, task.result)
            self._task, self._task_bytes = [], 0

    def finish(self, text: _Text) -> list[_Batch]:
        """Wait for the files that are not finished yet, and return them."""
        self.begin(text)
        return [self._ended() for _ in range(len(self._running))]

    def _run(self, plain_bytes: int, made: Callable[[], _Batch]) -> None:
        self._running.append((plain_bytes, made))
        self._running_bytes += plain_bytes

    def _ended(self) -> _Batch:
        plain_bytes, made = self._running.popleft()
        self._running_bytes -= plain_bytes
        return made()

    def _batch(self, one: _Totals, data: bytes, digest: gzip.Digest) -> _Batch:
        batch = _Batch(self._pack_below)
        batch.add(one, self._target_of(one.account), data, digest)
        return batch


class _Stores:
    """The stores of compressed files: small ones go into packs, others are objects of their own."""

    def __init__(self, storage: Storage, packing: Packing, *, pool: Executor) -> None:
        self._pool = pool
        self._threads = (ThreadPoolExecutor(1), ThreadPoolExecutor(1))
        self._shelf = _Shelf(storage, self._threads[0])
        self._packs = PackWriter(storage, prefix=packing.prefix, unique=packing.unique, thread=self._threads[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._packs.close()
        for thread in self._threads:
            thread.shutdown()

    def add(self, batch: _Batch) -> Iterator[NewSealedDay]:
        """Accept compressed files, and yield the manifests of files that are durable by now, these or others."""
        for sealed, data in batch.apart:
            yield from self._shelf.add(sealed, data)
        if batch.packed:
            pack = self._packs.place(batch.size_bytes)
            self._packs.add(batch.data, batch.size_bytes, self._pool.submit(_placed, batch.packed, *pack))
        yield from self._packs.durable()

    def finish(self) -> Iterator[NewSealedDay]:
        """Store the rest, and yield the manifests of all files that were not durable yet."""
        yield from self._shelf.finish()
        yield from self._packs.finish()


class _Shelf:
    """Compressed files, stored in batches by a thread of its own."""

    def __init__(self, storage: Storage, writer: Executor) -> None:
        self._storage = storage
        self._writer = writer
        self._made: list[tuple[NewSealedDay, bytes]] = []
        self._bytes = 0
        self._storing: deque[tuple[Future[None], list[NewSealedDay]]] = deque()

    def add(self, sealed: NewSealedDay, data: bytes) -> list[NewSealedDay]:
        """Accept a compressed file; return the manifests of files that are durable by now, this one or others."""
        self._made.append((sealed, data))
        self._bytes += len(data)
        if self._bytes >= _STORED_BYTES or len(self._made) >= _STORED_FILES:
            self._store()
        return self._stored(_STORING)

    def finish(self) -> list[NewSealedDay]:
        """Store the rest, and return the manifests of all files that were not durable yet."""
        self._store()
        return self._stored(0)

    def _store(self) -> None:
        objects = [(sealed.key, data) for sealed, data in self._made]
        self._storing.append(
            (self._writer.submit(self._storage.put_many, objects), [sealed for sealed, _ in self._made])
        )
        self._made, self._bytes = [], 0

    def _stored(self, left: int) -> list[NewSealedDay]:
        """Wait until at most `left` writes are in flight; return the manifests that the finished ones have stored."""
        stored: list[NewSealedDay] = []
        while len(self._storing) > left:
            future, sealed = self._storing.popleft()
            future.result()
            stored += sealed
        return stored


def _totals(batches: Iterable[Any]) -> Iterator[_Totals]:
    for batch in batches:
        for start in range(0, len(batch), _TOTALS_AT_ONCE):
            some = batch.slice(start, _TOTALS_AT_ONCE)
            yield from map(_Totals, *(column.to_pylist() for column in some.columns))


def _compress(
    files: Sequence[_Totals], target_of: _TargetOf, parts: Sequence[memoryview], *, pack_below: int
) -> _Batch:
    """Compress files whose texts follow one another."""
    text = parts[0] if len(parts) == 1 else memoryview(b"".join(parts))
    batch = _Batch(pack_below)
    at = 0
    for one in files:
        part = text[at : at + one.plain_bytes]
        at += one.plain_bytes
        batch.add(one, target_of(one.account), *gzip.compress([part]))
    return batch


def _placed(files: Sequence[_Made], pack_key: str, offset: int) -> list[NewSealedDay]:
    """Return the manifests of files that follow one another in a pack, from an offset on."""
    placed = []
    for one, target, digest in files:
        placed.append(one.sealed(target, digest, pack=(pack_key, offset)))
        offset += digest.size_bytes
    return placed


def _stream(
    one: _Totals, target: Target, text: Iterator[memoryview], *, storage: Storage, pool: Executor
) -> Iterator[NewSealedDay]:
    member = gzip.Member(text, pool=pool)
    try:
        storage.put(target.key, _unless(target.former_plain_sha256, member))
    except _Unchanged:
        return
    yield one.sealed(target, member.digest)


def _unless(former_plain_sha256: str | None, member: gzip.Member) -> Iterator[bytes]:
    """Yield the bytes of a gzip member; raises _Unchanged at the end if its text has the SHA-256, to cancel the put."""
    yield from member
    if member.digest.plain_sha256 == former_plain_sha256:
        raise _Unchanged
