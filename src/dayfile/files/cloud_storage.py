"""Objects in an object store: S3 and what speaks it; Google's and Azure's by the same code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import obstore
from obstore.exceptions import BaseError

from dayfile.errors import NotFound, StorageUnavailable
from dayfile.files import names
from dayfile.files.cloud_errors import (
    DELETE,
    LIST,
    READ,
    WRITE,
    is_beyond,
    is_not_implemented,
    is_unexplained,
    reported,
)
from dayfile.files.cloud_store import NO_PATIENCE, CloudStore, Patience, connect
from dayfile.files.storage import BLOCK_BYTES, LONGEST_KEY, Bytes, ListedObject, ObjectState
from dayfile.files.storage_url import StorageUrl

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta

PART_BYTES: Final = 8 * 1024 * 1024
"""The size of the parts of a large object, of which a store takes 10,000; smaller objects are put in one request."""

PARALLEL: Final = 16
"""The most requests under way for one `put_many`."""

_PARTS_AT_ONCE: Final = 4
_KEYS_AT_ONCE: Final = 1_000  # in a list, and in a deletion: more no store takes
_AT_ONCE_BYTES: Final = 64 * 1024 * 1024
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Headers = Mapping[str, str]


def no_headers(_: str) -> Headers:
    """Return no headers, for any key."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudPlace:
    """The place of a cloud storage, and how it is asked. Without credentials, so that it may go to other processes."""

    url: StorageUrl
    ca_file: Path | None = None
    public_url: str | None = None  # of the store, as those know it who get links to objects
    patience: Patience = field(default_factory=Patience)
    headers_of: Callable[[str], Headers] = no_headers  # of an object that is downloaded from the store, by its key


class CloudStorage:
    """Objects in a bucket, at keys below a prefix.

    A request is repeated when it fails in a way that may pass; what a store has said to be done is done. Where it
    takes conditions, a small object is created only if there is none; a large one, or where it takes none, only if none
    is there a moment before. Then it is the marks in keys on which it rests that none is given twice.
    """

    is_remote: Final = True

    def __init__(self, place: CloudPlace) -> None:
        """Connect, without asking anything yet; raises Unusable for a store that cannot be."""
        self.place = place
        self._store = connect(place.url, ca_file=place.ca_file, patience=place.patience)
        self._public: CloudStore = self._store
        if place.public_url is not None:
            self._public = connect(place.url, ca_file=place.ca_file, patience=place.patience, endpoint=place.public_url)
        self._takes_conditions = True

    def __reduce__(self) -> tuple[type[CloudStorage], tuple[CloudPlace]]:
        """Return what another process makes the same of, with credentials of its own."""
        return type(self), (self.place,)

    def without_patience(self) -> CloudStorage:
        return CloudStorage(replace(self.place, patience=NO_PATIENCE))

    def put(self, key: str, chunks: Iterable[Bytes]) -> int:
        _check(key)
        source = _Source(chunks)
        data = source.first(PART_BYTES + 1)
        if len(data) <= PART_BYTES:
            self._put_small(key, data)
        else:
            self._put_in_parts(key, data, source)
        return source.size_bytes

    def put_many(self, items: Iterable[tuple[str, Bytes]]) -> None:
        batch: list[tuple[str, Bytes]] = []
        size = 0
        for key, data in items:
            _check(key)
            batch.append((key, data))
            size += len(data)
            if len(batch) >= _KEYS_AT_ONCE or size >= _AT_ONCE_BYTES:
                self._put_parallel(batch)
                batch, size = [], 0
        self._put_parallel(batch)

    def read(self, key: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        if start < 0 or (stop is not None and stop < start):
            raise ValueError(f"there are no bytes from {start} to {stop}")
        _check(key)
        if start == stop:
            self.size(key)
            return iter(())
        blocks = self._read(key, start, stop)
        next(blocks)  # asks the store; from here on the answer is taken as it is read
        return blocks

    def size(self, key: str) -> int:
        return self._head(key)["size"]

    def state(self, key: str) -> ObjectState:
        found = self._head(key)
        modified = (found["last_modified"] - _EPOCH) // timedelta(microseconds=1)
        return ObjectState(size_bytes=found["size"], modified_ns=modified * 1000)

    def delete(self, keys: Iterable[str]) -> None:
        checked = map(_check, keys)
        while batch := list(islice(checked, _KEYS_AT_ONCE)):
            self._delete(batch)

    def scan(self, prefix: str) -> Iterator[str]:
        return (listed.key for listed in self.listed(prefix))

    def listed(self, prefix: str, *, after: str = "") -> Iterator[ListedObject]:
        folder, slash, rest = prefix.rpartition("/")
        # Otherwise no key begins so.
        if (slash and not names.KEY.fullmatch(folder)) or (rest and not names.KEY.fullmatch(prefix)):
            return iter(())
        # A store lists by folders; within one, it begins after a key.
        begin = max(prefix[:-1] if len(rest) > 1 else "", after)
        return self._listed(prefix, folder, begin)

    def path(self, key: str) -> Path | None:
        _check(key)
        return None

    def scan_partial(self, prefix: str) -> Iterator[str]:
        return iter(())  # what an interrupted put has left is the store's to remove: no object, and in no list

    def remove_partial(self, keys: Iterable[str]) -> None:
        for key in keys:
            _check(key)

    def link(self, key: str, *, lifetime: timedelta) -> str | None:
        with reported(f"sign a link to {_check(key)}", needs=READ, key=key):
            return obstore.sign(self._public, "GET", key, lifetime)

    def _put_small(self, key: str, data: Bytes) -> None:
        headers = dict(self.place.headers_of(key))
        if self._takes_conditions and self._create(key, data, headers):
            return
        self._expect_none(key)
        with reported(f"write {key}", needs=WRITE):
            obstore.put(self._store, key, data, use_multipart=False, attributes=headers)

    def _create(self, key: str, data: Bytes, headers: dict[str, str]) -> bool:
        """Put an object unless there is one; False if the store cannot do that."""
        try:
            with reported(f"write {key}", needs=WRITE):
                obstore.put(self._store, key, data, mode="create", attributes=headers)
        except FileExistsError:
            # It may be this very put, whose answer was lost, so that it was repeated.
            if not self._holds(key, data):
                raise
        except StorageUnavailable as error:
            if not (isinstance(error.__cause__, Exception) and is_not_implemented(error.__cause__)):
                raise
            self._takes_conditions = False
        return self._takes_conditions

    def _put_in_parts(self, key: str, first: bytes, source: _Source) -> None:
        self._expect_none(key)
        headers = dict(self.place.headers_of(key))
        try:
            with reported(f"write {key}", needs=WRITE):
                obstore.put(
                    self._store,
                    key,
                    source.rest(first),
                    attributes=headers,
                    use_multipart=True,
                    chunk_size=PART_BYTES,
                    max_concurrency=_PARTS_AT_ONCE,
                )
        except BaseException:
            if source.error is not None:
                raise source.error from None  # the parts are given up by now
            raise
        if self.size(key) != source.size_bytes:
            self._delete([key])
            raise StorageUnavailable(f"cannot write {key}: the store has put its parts together wrongly")

    def _put_parallel(self, batch: Sequence[tuple[str, Bytes]]) -> None:
        if len(batch) == 1:
            self.put(batch[0][0], [batch[0][1]])
        elif batch:
            with ThreadPoolExecutor(min(PARALLEL, len(batch)), thread_name_prefix="put") as threads:
                puts = [threads.submit(self.put, key, [data]) for key, data in batch]
                try:
                    for put in puts:
                        put.result()
                except BaseException:
                    threads.shutdown(wait=False, cancel_futures=True)
                    raise

    def _expect_none(self, key: str) -> None:
        try:
            self.size(key)
        except NotFound:
            return
        raise FileExistsError(f"cannot write {key}: there is such an object")

    def _holds(self, key: str, data: Bytes) -> bool:
        try:
            return self.size(key) == len(data) and b"".join(self.read(key)) == data
        except NotFound:
            return False

    def _head(self, key: str) -> ObjectMeta:
        with reported(f"read {_check(key)}", needs=READ, key=key):
            try:
                return obstore.head(self._store, key)
            except (FileNotFoundError, BaseError) as error:
                if not is_unexplained(error):
                    raise
                # The answer to HEAD has no body that would tell a missing object from a missing bucket: GET is asked.
                try:
                    obstore.get(self._store, key, options={"range": (0, 1)})
                except BaseError as reason:
                    if is_beyond(reason):
                        raise error from None
                    raise
                raise

    def _read(self, key: str, start: int, stop: int | None) -> Iterator[bytes]:
        with reported(f"read {key}", needs=READ, key=key):
            try:
                found = obstore.get(self._store, key, options=_range(start, stop))
            except BaseError as error:
                if not is_beyond(error):
                    raise
                yield b""  # it is there, and ends before
                return
            left = found.range[1] - found.range[0]
            yield b""
            for block in found.stream(min_chunk_size=BLOCK_BYTES):
                left -= len(block)
                yield block
            if left:
                raise StorageUnavailable(f"cannot read {key}: its bytes ended {left} early")

    def _delete(self, keys: Sequence[str]) -> None:
        doing = f"delete {keys[0]} and {len(keys) - 1} more"
        try:
            with reported(doing, needs=DELETE):
                obstore.delete(self._store, keys)
        except NotFound:
            for key in keys:  # a store that does not forgive: the others of them may be there
                try:
                    with reported(f"delete {key}", needs=DELETE):
                        obstore.delete(self._store, key)
                except NotFound:
                    pass

    def _listed(self, prefix: str, folder: str, begin: str) -> Iterator[ListedObject]:
        with reported(f"list {prefix or 'the storage'}", needs=LIST):
            pages = obstore.list(self._store, folder or None, offset=begin or None, chunk_size=_KEYS_AT_ONCE)
            for page in pages:
                for found in page:
                    key = found["path"]
                    if key.startswith(prefix):
                        if names.KEY.fullmatch(key):
                            yield ListedObject(key=key, size_bytes=found["size"])
                    elif key > prefix:
                        return


class _Source:
    """The chunks of an object, as they are taken."""

    def __init__(self, chunks: Iterable[Bytes]) -> None:
        self.size_bytes = 0
        self.error: BaseException | None = None
        self._chunks = iter(chunks)

    def first(self, at_least: int) -> bytes:
        """Return the first bytes, at least so many unless there are no more."""
        data = bytearray()
        while len(data) < at_least and (chunk := next(self._chunks, None)) is not None:
            data += chunk
        self.size_bytes = len(data)
        return bytes(data)

    def rest(self, first: bytes) -> Iterator[bytes]:
        """Yield the bytes that were taken, and all others; keep what the chunks raise."""
        yield first
        try:
            for chunk in self._in_a_thread():
                data = bytes(chunk)
                self.size_bytes += len(data)
                if data:
                    yield data
        except BaseException as error:
            self.error = error
            raise

    def _in_a_thread(self) -> Iterator[Bytes]:
        """Take the chunks in a thread of their own: in the one that puts, obstore cannot read an object for them."""
        with ThreadPoolExecutor(1, thread_name_prefix="chunks") as taking:
            while (chunk := taking.submit(next, self._chunks, None).result()) is not None:
                yield chunk


def _check(key: str) -> str:
    if len(key) > LONGEST_KEY or not names.KEY.fullmatch(key):
        raise ValueError(f"{key[:LONGEST_KEY]!r} is no key: parts of letters, digits and =._- joined by /")
    return key


def _range(start: int, stop: int | None) -> GetOptions | None:
    if stop is not None:
        return {"range": (start, stop)}
    return {"range": {"offset": start}} if start else None
