"""Sizes of many objects out of lists. Apart, because it weighs what stores charge, and knows no rows."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from itertools import groupby, islice
from typing import Final

from dayfile.errors import StorageUnavailable
from dayfile.files.storage import Storage

_WORTH_A_LIST: Final = 12
"""Number of questions for single objects that cost at a store as much as one list."""

_IN_A_LIST: Final = 1_000


def listed_sizes(storage: Storage, keys: Iterable[str]) -> dict[str, int]:
    """Return the sizes of objects as far as lists tell them, and are cheaper than a question for each.

    A list may lag behind: ask for an object that is missing in it, or has another size than it should.
    """
    found: dict[str, int] = {}
    if storage.is_remote:
        for day, of_day in groupby(sorted(set(keys)), key=_day_of):
            wanted = list(of_day)
            if len(wanted) >= _WORTH_A_LIST:
                with suppress(StorageUnavailable):  # then they are asked for, one by one
                    found |= _listed(storage, day, wanted)
    return found


def _listed(storage: Storage, day: str, wanted: list[str]) -> dict[str, int]:
    """Return sizes out of the list of a day from the first to the last, unless it has too much that is not wanted."""
    first, last = wanted[0], wanted[-1]
    at_most = _IN_A_LIST * (len(wanted) // _WORTH_A_LIST)
    sizes = {}
    for one in islice(storage.listed(day, after=first[:-1]), at_most):
        if one.key > last:
            break
        sizes[one.key] = one.size_bytes
    return {key: sizes[key] for key in wanted if key in sizes}


def _day_of(key: str) -> str:
    """Return what all keys of a family, resource type and day begin with."""
    return "/".join(key.split("/")[:3]) + "/"
