"""The instance that the operator's commands act on: the one that the settings describe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dayfile.service import Service


@contextmanager
def opened() -> Iterator[Service]:
    """The instance, open as long as the block runs; raises Unusable with what to do."""
    # Imported when it is needed: everything that Dayfile is made of hangs from it, and the help needs nothing of it.
    from dayfile.cli.logs import log_trouble
    from dayfile.service import Service
    from dayfile.settings import Settings

    log_trouble()
    with Service.open(Settings.read()) as service:
        yield service
