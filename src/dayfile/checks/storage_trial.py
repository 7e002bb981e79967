"""A trial of the storage: everything that Dayfile will ask of it, done with objects of its own, and undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final

from dayfile.errors import NotFound, StorageUnavailable
from dayfile.files.storage import Storage, is_there
from dayfile.objects.layout import probe_key

Fetch = Callable[[str], tuple[int, bytes]]
"""A function that fetches a URL without credentials and returns the status and the body; raises StorageUnavailable."""

_SMALL: Final = bytes(range(256)) * 4
_BLOCK: Final = bytes(range(256)) * 4096
_BLOCKS: Final = 9  # of 1 MiB, more than are put in one request
_LARGE_BYTES: Final = _BLOCKS * len(_BLOCK)
_LIFETIME: Final = timedelta(minutes=1)


class Verdict(Enum):
    """The result of trying one thing."""

    OK = "ok"
    WARNING = "warning"  # it works, and there is something to do
    MISSING = "missing"  # Dayfile cannot work without it
    UNKNOWN = "unknown"  # it cannot be told


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One thing that was tried, and what came of it."""

    name: str
    verdict: Verdict
    text: str


class StorageTrial:
    """A trial of one storage; `unique` is 32 hexadecimal digits for the keys of its objects."""

    def __init__(self, storage: Storage, *, unique: str, fetch: Fetch) -> None:
        self._storage = storage
        self._fetch = fetch
        self._small, self._large = probe_key(f"{unique}-small"), probe_key(f"{unique}-large")

    def run(self) -> Iterator[Result]:
        """Yield what comes of each thing, in an order in which the first that is missing is the one to mend."""
        steps: dict[str, Callable[[], str | Result]] = {
            "answer": self._answer,
            "put": self._put,
            "create only": self._create_only,
            "get": self._get,
            "range": self._range,
            "list": self._list,
            "multipart": self._multipart,
            "link": self._link,
            "delete": self._delete,
        }
        for name, step in steps.items():
            result = self._tried(name, step)
            yield result
            if name in {"answer", "put"} and result.verdict is not Verdict.OK:
                return  # whatever follows would say the same

    def _tried(self, name: str, step: Callable[[], str | Result]) -> Result:
        try:
            found = step()
        except (NotFound, StorageUnavailable) as error:
            return Result(name=name, verdict=Verdict.MISSING, text=str(error))
        return found if isinstance(found, Result) else Result(name=name, verdict=Verdict.OK, text=found)

    def _answer(self) -> str:
        try:
            self._storage.without_patience().size(self._small)
        except NotFound:
            return "the storage answers"
        raise StorageUnavailable("the storage says that it has an object which was never made")

    def _put(self) -> str:
        self._storage.put(self._small, [_SMALL])
        return "an object was stored"

    def _create_only(self) -> str | Result:
        try:
            self._storage.put(self._small, [_SMALL[::-1]])
        except FileExistsError:
            return "a key that is taken is refused"
        text = "the store replaces objects: that no key is given twice rests on the marks in keys alone"
        return Result(name="create only", verdict=Verdict.WARNING, text=text)

    def _get(self) -> str:
        return _expected(b"".join(self._storage.read(self._small)) in {_SMALL, _SMALL[::-1]}, "the object was read")

    def _range(self) -> str:
        part = b"".join(self._storage.read(self._small, start=10, stop=20))
        return _expected(part in {_SMALL[10:20], _SMALL[::-1][10:20]}, "a part of it was read")

    def _list(self) -> str:
        return _expected(list(self._storage.scan(self._small)) == [self._small], "it is in the list")

    def _multipart(self) -> str:
        self._storage.put(self._large, (_BLOCK for _ in range(_BLOCKS)))
        size = sum(map(len, self._storage.read(self._large)))
        return _expected(size == _LARGE_BYTES, f"an object of {_LARGE_BYTES:,} bytes was stored and read")

    def _link(self) -> str:
        url = self._storage.link(self._small, lifetime=_LIFETIME)
        if url is None:
            return "a folder has no links: Dayfile serves all files"
        status, body = self._fetch(url)
        if status != 200 or body not in {_SMALL, _SMALL[::-1]}:  # noqa: PLR2004 - HTTP's
            raise StorageUnavailable(
                f"a link that the storage gave was answered with {status}: clients cannot use it. See "
                "DAYFILE_STORAGE_PUBLIC_URL, or have Dayfile serve all files with DAYFILE_DOWNLOADS=serve"
            )
        return "a link to it works without credentials"

    def _delete(self) -> str:
        self._storage.delete([self._small, self._large])
        left = [key for key in (self._small, self._large) if is_there(self._storage, key)]
        return _expected(not left, "both were deleted")


def _expected(is_so: bool, text: str) -> str:  # noqa: FBT001 - what was found
    if not is_so:
        raise StorageUnavailable("the storage says that it was done, and it was not")
    return text
