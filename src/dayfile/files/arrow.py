"""Settings of Arrow: its errors translated, and the source of its memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import pyarrow as pa

from dayfile.errors import Corrupt

_KEPT_MS: Final = 10_000  # pages that are not in use, for whoever needs some next


@contextmanager
def intact(what: str) -> Iterator[None]:
    """Raise Corrupt for data that Arrow cannot read; errors of the system stay what they are."""
    try:
        yield
    except (pa.ArrowInvalid, pa.ArrowKeyError, pa.ArrowIndexError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise Corrupt(f"the segment {what} is damaged: {error}") from error


def allocate_small_pages() -> None:
    """Let Arrow take its memory from jemalloc, where its wheel has that, in this process and from now on.

    Its usual allocator asks for pages of 2 MiB and soon gives them back. A system without ready pages makes them anew
    each time, which took more than a tenth of the time of sealing. jemalloc gives them back after a second, which was
    a third of all pages that sealing was given.
    """
    with suppress(NotImplementedError):
        pa.jemalloc_set_decay_ms(_KEPT_MS)
        pa.set_memory_pool(pa.jemalloc_memory_pool())
