"""A program that takes in a file with two processes, and says their ids while they wait for the rest of it.

python -m tests.support.reader_command FOLDER
"""

from __future__ import annotations

import io
import multiprocessing
import os
import sys
from pathlib import Path

from dayfile.intake.file import FileIntake
from dayfile.intake.reader_pool import ReaderPool
from dayfile.model.resource import MESSAGES
from tests.support.intake import Place
from tests.support.records import Sent, body_of
from tests.support.state import an_account

_BODY_BYTES = 2 * 1024 * 1024  # more than a block: what is in a block is not split before it is full


class _Waiting(io.RawIOBase):
    """A file whose end never comes."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def read(self, size: int = -1) -> bytes:
        body, self._body = self._body, b""
        return body or os.read(0, 1)


def main() -> None:
    """Take in a file that does not end."""
    place = Place(Path(sys.argv[1]))
    account = an_account(place.database, "acme").sid
    at = "2026-11-01T10:00:00Z"
    line = body_of([Sent(account=account, name="x", created=at, updated=at)])
    said: set[int] = set()

    def say(_: int) -> None:
        children = {child.pid for child in multiprocessing.active_children() if child.pid}
        if children and not said:
            said.update(children)
            print(*children, flush=True)  # noqa: T201 - it is what the test waits for

    with place.process() as intake, ReaderPool(2) as pool:
        pool.start()
        files = FileIntake(intake, chunk_bytes=len(line) * 100, pool=pool)
        body = line * (_BODY_BYTES // len(line))
        files.run(_Waiting(body), MESSAGES, source="dump", on_records=say)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
