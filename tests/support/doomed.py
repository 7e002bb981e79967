"""Dayfile in a process that kills itself with SIGKILL at a step of its work, wherever a test wants to see it dead.

    DOOMED_AT=put:3 python tests/support/doomed.py serve --port 0

dies when it is about to write its third object. The steps are real ones of the real process, and nothing is replaced:
Python's audit events tell of files, and the database's driver of commits. A server's steps count from the moment at
which it says that it is ready: how many there are before depends on how long it takes to start.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from threading import Lock
from typing import Any, Final

from sqlalchemy.engine.default import DefaultDialect

from dayfile.__main__ import main as run_dayfile

STEPS: Final = ("put", "sync", "commit", "committed")
"""Before an object is written; after its name is given and before that is durable; before a commit; after it."""


class Doom:
    """Counts steps, and ends the process at one of them."""

    def __init__(self, at: str, *, is_server: bool) -> None:
        self._has_begun = not is_server
        self._step, _, number = at.partition(":")
        self._number = int(number)
        self._taken: Counter[str] = Counter()
        self._lock = Lock()

    def step(self, step: str) -> None:
        """Live or die."""
        if not self._has_begun:
            return
        with self._lock:
            self._taken[step] += 1
            if (step, self._taken[step]) == (self._step, self._number):
                os.kill(os.getpid(), signal.SIGKILL)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """See a step in what Python tells of files."""
        if event != "open" or "/objects" not in str(arguments[0]):
            return
        flags = arguments[2]
        if flags & os.O_DIRECTORY:
            self.step("sync")
        elif flags & os.O_CREAT:
            self.step("put")

    def watch_output(self) -> None:
        """See the beginning in what a server says."""
        write = sys.stdout.write

        def watched(text: str) -> int:
            written = write(text)
            self._has_begun |= "is ready" in text
            return written

        sys.stdout.write = watched  # type: ignore[method-assign]

    def watch_commits(self) -> None:
        """See a step in every commit."""
        commit = DefaultDialect.do_commit

        def watched(dialect: DefaultDialect, connection: Any) -> None:
            self.step("commit")
            commit(dialect, connection)  # type: ignore[no-untyped-call]
            self.step("committed")

        DefaultDialect.do_commit = watched  # type: ignore[method-assign]


def main() -> None:
    """Run the command line until the step comes."""
    doom = Doom(os.environ["DOOMED_AT"], is_server="serve" in sys.argv)
    doom.watch_output()
    doom.watch_commits()
    sys.addaudithook(doom.audit)
    run_dayfile()


if __name__ == "__main__":
    main()
