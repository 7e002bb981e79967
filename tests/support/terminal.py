"""A terminal with somebody at it: a command on a pseudo-terminal, and what is typed when it asks."""

from __future__ import annotations

import os
import pty
import re
import select
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Final

from tests.support import warm

CTRL_C: Final = "\x03"

_COLOURS: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_BLOCK_BYTES = 4096


@dataclass(frozen=True)
class Seen:
    """Outcome of a command on a terminal, with all that it showed there."""

    exit_code: int
    text: str


def typed(*words: str, answer: str, at: str = "[y/N]", folder: Path, variables: Mapping[str, str]) -> Seen:
    """Run a command in a folder on a terminal of its own; when `at` is to be seen, `answer` is typed.

    Ctrl-C is typed again, as by a person, when nothing comes of it: Python's `input` misses one that arrives just
    before it waits for the terminal.
    """
    ours, its = pty.openpty()
    environment = {**os.environ, "COLUMNS": "200", "LINES": "40", "TERM": "xterm", **variables}
    process = warm.start_on_terminal(words, folder=folder, environment=environment, terminal=os.ttyname(its))
    wait([ours, process.sentinel])  # a terminal that nobody has open yet looks like one that nobody has open any more
    os.close(its)
    seen = ""
    is_answered = False
    while block := _read(ours, again=answer if is_answered and answer == CTRL_C else ""):
        seen += _COLOURS.sub("", block.decode())
        if not is_answered and at in seen:
            os.write(ours, answer.encode())
            is_answered = True
    os.close(ours)
    process.communicate()
    assert process.returncode is not None
    return Seen(process.returncode, seen.replace("\r\n", "\n"))


def _read(descriptor: int, *, again: str) -> bytes:
    """Return the next output, empty at its end; `again` is typed for every second without one."""
    while again and not select.select([descriptor], [], [], 1)[0]:
        os.write(descriptor, again.encode())
    try:
        return os.read(descriptor, _BLOCK_BYTES)
    except OSError:  # Linux says so when nobody has the other end open any more
        return b""
