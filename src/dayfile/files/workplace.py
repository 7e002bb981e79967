"""Heavy work: the engine that it is given to, and the means of whoever does it.

Apart, because the seal and the check have it in common, and neither knows the other.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from dayfile.files.storage import Storage
from dayfile.model.secret import Randomness

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """The means of one process. Each piece gets a folder of its own in the scratch folder."""

    storage: Storage
    scratch: Path
    memory_bytes: int  # for the records of one piece
    threads: int  # for one piece
    shared: Randomness | None = None
    """Given where others may execute the same piece, at the same time or later: what tells one from the other."""


class Engine(Protocol):
    """A place of heavy work: this process, or a cluster. Safe to use from several threads."""

    def submit(self, work: Callable[..., T], value: object, /) -> Future[T]:
        """Have `work(value, at=...)` done, at the workplace of whoever does it.

        Raises EngineUnavailable, as the future does, for an engine that does not do it.
        """
        ...
