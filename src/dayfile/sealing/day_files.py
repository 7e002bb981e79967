"""The day files of a piece: the text is split by account, compressed, hashed and stored.

Most accounts are small, and storing each file on its own is expensive: small files are compressed side by side and
stored in batches while the next ones are being compressed. A large file is compressed in parallel and streamed into
its object.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from dayfile.files import gzip
from dayfile.files.storage import Storage
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.export import NewSealedDay

_SMALL_BYTES: Final = 4 * 1024 * 1024  # of text: one thread compresses it
_LARGE_BYTES: Final = 64 * 1024 * 1024  # of text: streamed, not held in memory
_TASK_BYTES: Final = 1024 * 1024
_TASK_FILES: Final = 200
_AHEAD_BYTES: Final = 8 * 1024 * 1024  # of text that may be in compression while more is read
_STORED_BYTES: Final = 4 * 1024 * 1024
_STORED_FILES: Final = 2000
_STORING: Final = 3  # writes in flight: a disk that others write to is slow now and then


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Key and revision of one account's new file, and the SHA-256 of the text of its current file, if there is one."""

    key: str
    revision: int
    former_plain_sha256: str | None
    is_incomplete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _DayFile:
    """Counts, sizes and times of one account's lines, and the target of its file."""

    account: AccountSid
    records: int
    plain_bytes: int
    first_created_at: datetime
    last_created_at: datetime
    target: Target

    def sealed(self, digest: gzip.Digest) -> NewSealedDay:
        """Return the manifest of the compressed file."""
        return NewSealedDay(
            account=self.account,
            revision=self.target.revision,
            key=self.target.key,
            records=self.records,
            size_bytes=digest.size_bytes,
            plain_bytes=digest.plain_bytes,
            sha256=digest.sha256,
            plain_sha256=digest.plain_sha256,
            encoder=digest.encoder,
            first_created_at=self.first_created_at,
            last_created_at=self.last_created_at,
            is_incomplete=self.target.is_incomplete,
        )


_Made = tuple[NewSealedDay, bytes]


class _Unchanged(Exception):
    """The account's current file has exactly this text."""


def store_day_files(
    totals: Iterable[Any],
    text: Iterator[memoryview],
    target_of: Callable[[AccountSid], Target],
    *,
    storage: Storage,
    pool: Executor,
) -> Iterator[NewSealedDay]:
    """Store a file for each account whose text has changed, and yield its manifest once the file is durable.

    `text` holds the lines of the accounts in `totals` (from `NewestLines.totals`), one account after the other.
    """
    cut = _Text(text)
    with ThreadPoolExecutor(1) as writer:
        shelf = _Shelf(storage, writer)
        making = _Making(pool)
        for file in _day_files(totals, target_of):
            if file.plain_bytes > _LARGE_BYTES:
                yield from _stream(file, cut.take(file.plain_bytes), storage=storage, pool=pool)
            else:
                yield from shelf.add(making.add(file, cut.take(file.plain_bytes)))
        yield from shelf.add(making.finish())
        yield from shelf.finish()


def store_empty(account: AccountSid, day: Day, target: Target, *, storage: Storage) -> NewSealedDay:
    """Store a file without records, for an account all of whose records are lost. It is durable on return."""
    data, digest = gzip.compress([])
    storage.put(target.key, [data])
    empty = _DayFile(
        account=account, records=0, plain_bytes=0, first_created_at=day.start, last_created_at=day.start, target=target
    )
    return empty.sealed(digest)


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

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._task: list[tuple[_DayFile, list[memoryview]]] = []
        self._task_bytes = 0
        self._running: deque[tuple[int, Callable[[], list[_Made]]]] = deque()
        self._running_bytes = 0

    def add(self, file: _DayFile, text: Iterator[memoryview]) -> list[_Made]:
        """Begin to compress a file; return the files that are finished by now, this one or others."""
        if file.plain_bytes > _SMALL_BYTES:
            self._run(file.plain_bytes, partial(_made_of, file, gzip.begin(text, pool=self._pool)))
        else:
            self._task.append((file, list(text)))
            self._task_bytes += file.plain_bytes
            if self._task_bytes >= _TASK_BYTES or len(self._task) >= _TASK_FILES:
                self._submit()
        made: list[_Made] = []
        while self._running_bytes > _AHEAD_BYTES and len(self._running) > 1:  # the last has only just begun
            made += self._ended()
        return made

    def finish(self) -> list[_Made]:
        """Wait for the files that are not finished yet, and return them."""
        self._submit()
        return [made for _ in range(len(self._running)) for made in self._ended()]

    def _submit(self) -> None:
        self._run(self._task_bytes, self._pool.submit(_compress, self._task).result)
        self._task, self._task_bytes = [], 0

    def _run(self, plain_bytes: int, made: Callable[[], list[_Made]]) -> None:
        self._running.append((plain_bytes, made))
        self._running_bytes += plain_bytes

    def _ended(self) -> list[_Made]:
        plain_bytes, made = self._running.popleft()
        self._running_bytes -= plain_bytes
        return made()


class _Shelf:
    """Compressed files, stored in batches by a thread of its own."""

    def __init__(self, storage: Storage, writer: Executor) -> None:
        self._storage = storage
        self._writer = writer
        self._made: list[_Made] = []
        self._bytes = 0
        self._storing: deque[tuple[Future[None], list[NewSealedDay]]] = deque()

    def add(self, made: Iterable[_Made]) -> list[NewSealedDay]:
        """Accept compressed files; return the manifests of files that are durable by now, these or others."""
        for sealed, data in made:
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


def _day_files(totals: Iterable[Any], target_of: Callable[[AccountSid], Target]) -> Iterator[_DayFile]:
    for batch in totals:
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            account, records, plain_bytes, first_created, last_created = row
            yield _DayFile(
                account=account,
                records=records,
                plain_bytes=plain_bytes,
                first_created_at=datetime.fromtimestamp(first_created, UTC),
                last_created_at=datetime.fromtimestamp(last_created, UTC),
                target=target_of(account),
            )


def _compress(files: Iterable[tuple[_DayFile, list[memoryview]]]) -> list[_Made]:
    return [made for file, parts in files for made in _made_of(file, partial(gzip.compress, parts))]


def _made_of(file: _DayFile, member: Callable[[], tuple[bytes, gzip.Digest]]) -> list[_Made]:
    """Return the compressed file in a list, or an empty list if its text has not changed."""
    data, digest = member()
    return [] if digest.plain_sha256 == file.target.former_plain_sha256 else [(file.sealed(digest), data)]


def _stream(file: _DayFile, text: Iterator[memoryview], *, storage: Storage, pool: Executor) -> Iterator[NewSealedDay]:
    member = gzip.Member(text, pool=pool)
    try:
        storage.put(file.target.key, _unless(file.target.former_plain_sha256, member))
    except _Unchanged:
        return
    yield file.sealed(member.digest)


def _unless(former_plain_sha256: str | None, member: gzip.Member) -> Iterator[bytes]:
    """Yield the bytes of a gzip member; raises _Unchanged at the end if its text has the SHA-256, to cancel the put."""
    yield from member
    if member.digest.plain_sha256 == former_plain_sha256:
        raise _Unchanged
