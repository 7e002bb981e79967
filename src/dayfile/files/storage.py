"""Object storage: complete objects under keys that are given once.

A key says what an object is, `sealed/type=Messages/day=2026-10-01/account=AC.../revision-1-....json.gz`; its writer
makes the last part of the key unlike any other. So nothing is ever replaced, a reader sees all of an object or nothing
of it, and leftovers of a crash do no harm.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import Final, Protocol, Self

from dayfile.errors import NotFound, StorageUnavailable, Unusable
from dayfile.files import disk, names, private

Bytes = bytes | bytearray | memoryview

BLOCK_BYTES: Final = 1024 * 1024
"""The bytes of an object that are read at once."""

LONGEST_KEY: Final = 1000
"""The most characters of a key: object stores take 1,024 bytes."""


# Measured on ext4: a file of its own costs 1 ms, one of 2,000 that are synced together 0.1 ms. But syncing together
# waits for everything that anybody has written to the disk, so it must be worth it.
_FEW: Final = 16
_TOGETHER: Final = 2_000
_TOGETHER_BYTES: Final = 64 * 1024 * 1024

_READ_AT_ONCE: Final = 64 * 1024

_NO_FILE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR})
"""Errors of the system for an object that is not there: there is nothing, or a folder."""

_NOT_THERE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP})
"""Errors of the system that say that there is no such file, as pathlib takes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectState:
    """A sign, without reading it, that an object was changed; an equal state does not prove that it was not."""

    size_bytes: int
    modified_ns: int  # by the clock of the storage, nanoseconds since 1970


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedObject:
    """An object as a list has it."""

    key: str
    size_bytes: int


class Storage(Protocol):
    """A store of objects. Safe to use from several threads and processes at once, and can be pickled.

    Keys are parts joined by `/`, each of 1 to 200 letters, digits and `=._-`, not starting with a dot; no key is a
    folder of another. Another key is the caller's mistake (ValueError), and so is one that is taken (FileExistsError).
    Every method raises StorageUnavailable for what the storage cannot do now: it is away, full or read-only.
    """

    @property
    def is_remote(self) -> bool:
        """True if every call is a request to another machine, which takes its time and may be billed."""
        ...

    def without_patience(self) -> Storage:
        """Return the same storage for somebody who waits: what fails is not tried again."""
        ...

    def put(self, key: str, chunks: Iterable[Bytes]) -> int:
        """Store an object and return its size in bytes. It is durable when this returns.

        An error that the chunks raise goes to the caller. After any error there is no such object, except where a
        remote storage has stored it and its answers were lost: what was announced and is not committed is swept.
        """
        ...

    def put_many(self, items: Iterable[tuple[str, Bytes]]) -> None:
        """Store many small objects, far cheaper than one by one. All are durable when this returns.

        After an error some of them may be there, each of them whole.
        """
        ...

    def read(self, key: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Return the bytes of an object from `start` to before `stop`, in blocks; raises NotFound at once."""
        ...

    def size(self, key: str) -> int:
        """Return the size of an object in bytes; raises NotFound."""
        ...

    def state(self, key: str) -> ObjectState:
        """Return size and time of modification of an object; raises NotFound."""
        ...

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects. Missing keys are ignored."""
        ...

    def scan(self, prefix: str) -> Iterator[str]:
        """Yield all keys that start with the prefix, in order."""
        ...

    def listed(self, prefix: str, *, after: str = "") -> Iterator[ListedObject]:
        """Yield the objects whose keys start with the prefix and are greater than `after`, in the order of their keys.

        A list may lag behind by a minute: it may lack an object that is there, or have one that is not.
        """
        ...

    def path(self, key: str) -> Path | None:
        """Return the file in which an engine on this machine can read an object in place; raises NotFound.

        A storage without such files returns None, whether there is the object or not: `read` it.
        """
        ...

    def link(self, key: str, *, lifetime: timedelta) -> str | None:
        """Return a URL at which anybody can read an object for so long; None if the storage gives none."""
        ...

    def scan_partial(self, prefix: str) -> Iterator[str]:
        """Yield all keys that start with the prefix and whose put is under way or was interrupted, in order.

        Neither `read` nor `scan` ever shows what such a put has written.
        """
        ...

    def remove_partial(self, keys: Iterable[str]) -> None:
        """Remove what interrupted puts have left behind; keys without such a put are ignored.

        If the put of such a key is still under way, it raises StorageUnavailable, and there is no such object.
        """
        ...


def is_there(storage: Storage, key: str) -> bool:
    """Return True if there is an object with this key; raises StorageUnavailable."""
    try:
        storage.size(key)
    except NotFound:
        return False
    return True


@dataclass(frozen=True, slots=True)
class LocalStorage:
    """Objects as files in a folder, at the paths that their keys spell."""

    root: Path

    @property
    def is_remote(self) -> bool:
        return False

    def without_patience(self) -> Storage:
        return self

    @classmethod
    def open(cls, root: Path) -> Self:
        """Return the storage in a folder, created if need be; raises Unusable if it cannot be."""
        try:
            private.make_folder(root)
        except OSError as error:
            raise Unusable(
                f"the storage folder {root} cannot be used: {error.strerror}. "
                "Make it writable for this user, or set DAYFILE_STORAGE_URL to another one"
            ) from error
        return cls(root)

    def put(self, key: str, chunks: Iterable[Bytes]) -> int:
        path = self._path(key)
        written = names.draft_of(path)
        doing = f"write {key}"
        with disk.reported(doing):
            file, parents = disk.create(written)
        try:
            with file:
                size = sum(disk.write(file, chunk, doing) for chunk in chunks)
                with disk.reported(doing):
                    os.fsync(file.fileno())
            with disk.reported(doing):
                disk.publish(written, path)
                written = path
                for folder in {*parents, *self._folders(path)}:
                    disk.sync_folder(folder)
        except BaseException:
            disk.discard([written])
            raise
        return size

    def put_many(self, items: Iterable[tuple[str, Bytes]]) -> None:
        for batch in _batches(items):
            if len(batch) > _FEW:
                self._put_together(batch)
            else:
                for key, data in batch:
                    self.put(key, [data])

    def read(self, key: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        if start < 0 or (stop is not None and stop < start):
            raise ValueError(f"there are no bytes from {start} to {stop}")
        if stop is not None and stop - start <= _READ_AT_ONCE:
            return iter([self._read_at_once(key, start, stop)])
        blocks = self._read(key, start, stop)
        next(blocks)  # opens the file; from here on the generator closes it, read to its end or not
        return blocks

    def size(self, key: str) -> int:
        with disk.reported(f"read {key}"):
            return self._state(key).st_size

    def state(self, key: str) -> ObjectState:
        with disk.reported(f"read {key}"):
            found = self._state(key)
        return ObjectState(size_bytes=found.st_size, modified_ns=found.st_mtime_ns)

    def delete(self, keys: Iterable[str]) -> None:
        paths = iter(keys)
        while batch := [self._path(key) for key in islice(paths, _TOGETHER)]:
            with disk.reported(f"remove {batch[0].name} and {len(batch) - 1} more"):
                self._delete_together(batch)

    def scan(self, prefix: str) -> Iterator[str]:
        return self._scan(prefix, names.key_of)

    def listed(self, prefix: str, *, after: str = "") -> Iterator[ListedObject]:
        for key in self.scan(prefix):
            if key > after:
                with suppress(NotFound):  # deleted since
                    yield ListedObject(key=key, size_bytes=self.size(key))

    def scan_partial(self, prefix: str) -> Iterator[str]:
        return self._scan(prefix, names.key_of_draft)

    def remove_partial(self, keys: Iterable[str]) -> None:
        for key in keys:
            draft = names.draft_of(self._path(key))
            with disk.reported(f"remove the partial file of {key}"):
                draft.unlink(missing_ok=True)  # not synced: one that is back after a power cut is found again
                self._without_empty_folders(draft.parent)

    def path(self, key: str) -> Path | None:
        with disk.reported(f"read {key}"):
            self._state(key)
        return self._path(key)

    def link(self, key: str, *, lifetime: timedelta) -> str | None:
        return None

    def _path(self, key: str) -> Path:
        """Return the path of the object of a key; no key leads out of the root, or to a draft."""
        _check_key(key)
        return self.root / key

    def _name(self, key: str) -> str:
        """Return the same as text: many small objects are read in a second, and a Path takes longer than the disk."""
        _check_key(key)
        return f"{self.root}/{key}"

    def _state(self, key: str) -> os.stat_result:
        """Return what the system knows of the file of an object; raises NotFound, OSError."""
        try:
            found = os.stat(self._name(key))  # noqa: PTH116 - see `_name`
        except OSError as error:
            if error.errno in _NOT_THERE:
                raise _absent(key) from error
            raise
        if not stat.S_ISREG(found.st_mode):
            raise _absent(key)
        return found

    def _folders(self, path: Path) -> list[Path]:
        """Return the folders whose names lead to a path: another process may have made one of them just now."""
        depth = len(path.relative_to(self.root).parts)
        return list(path.parents[:depth])

    def _read(self, key: str, start: int, stop: int | None) -> Iterator[bytes]:
        name = self._name(key)
        with disk.reported(f"read {key}"):
            try:
                file = FileIO(name)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
                raise _absent(key) from error
            with file:
                size = os.fstat(file.fileno()).st_size
                left = max((size if stop is None else min(stop, size)) - file.seek(start), 0)
                yield b""
                while left:
                    block = file.read(min(left, BLOCK_BYTES))
                    if not block:
                        raise StorageUnavailable(f"cannot read {key}: the file became shorter while it was read")
                    yield block
                    left -= len(block)

    def _read_at_once(self, key: str, start: int, stop: int) -> bytes:
        """Return a few bytes of an object; to open and close its file takes longer than to read them."""
        name = self._name(key)
        try:
            file = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
            try:
                return os.pread(file, stop - start, start)
            finally:
                os.close(file)
        except OSError as error:
            if error.errno in _NO_FILE:
                raise _absent(key) from error
            with disk.reported(f"read {key}"):
                raise

    def _put_together(self, batch: Sequence[tuple[str, Bytes]]) -> None:
        doing = f"write {batch[0][0]} and {len(batch) - 1} more"
        drafts: list[Path] = []
        with disk.reported(doing):
            folders = set(disk.make_folders(self.root))
            try:
                with disk.SyncedTogether(self.root) as together:
                    for key, data in batch:
                        draft = names.draft_of(self._path(key))
                        with disk.create(draft)[0] as file:
                            drafts.append(draft)
                            disk.write(file, data, doing)
                    # The bytes first: after a crash between the two, a name must not stand for only a part of them.
                    together.sync(drafts)
                    for draft, (key, _) in zip(drafts, batch, strict=True):
                        disk.publish(draft, self._path(key))
                    together.sync(folders.union(*map(self._folders, drafts)))
            except BaseException:
                disk.discard(drafts)
                raise

    def _scan(self, prefix: str, key_of: Callable[[str], str | None]) -> Iterator[str]:
        folder = prefix.rpartition("/")[0]
        if folder and not names.KEY.fullmatch(folder):
            return iter(())
        return names.keys(self.root, folder, prefix, key_of)

    def _delete_together(self, paths: Sequence[Path]) -> None:
        left = {path.parent for path in paths}
        for path in paths:
            with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
                path.unlink()
        left = {self._without_empty_folders(folder) for folder in left}
        if len(left) <= _FEW:
            for folder in left:
                disk.sync_removals(folder, self.root)
        else:
            with disk.SyncedTogether(self.root) as together:
                together.sync_removals(left)

    def _without_empty_folders(self, folder: Path) -> Path:
        """Remove a folder, and its parents, as far as they are empty, and return the first that stays."""
        while folder != self.root:
            try:
                folder.rmdir()
            except (FileNotFoundError, NotADirectoryError):
                pass  # it never existed, or somebody else has removed it
            except OSError:
                return folder
            folder = folder.parent
        return folder


def _batches(items: Iterable[tuple[str, Bytes]]) -> Iterator[list[tuple[str, Bytes]]]:
    batch: list[tuple[str, Bytes]] = []
    size = 0
    for key, data in items:
        batch.append((key, data))
        size += len(data)
        if len(batch) >= _TOGETHER or size >= _TOGETHER_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _check_key(key: str) -> None:
    if len(key) > LONGEST_KEY or not names.KEY.fullmatch(key):
        raise ValueError(f"{key[:LONGEST_KEY]!r} is no key: parts of letters, digits and =._- joined by /")


def _absent(key: str) -> NotFound:
    return NotFound(f"there is no object {key} in the storage")
