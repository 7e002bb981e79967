"""Servers to measure, each in a process of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

DAYFILE: Final = ("-m", "dayfile", "serve", "--port", "0")

_STOP_SECONDS: Final = 60.0  # more than any server needs that still listens to what it is told


@contextlib.contextmanager
def started(
    arguments: Sequence[str], folder: Path, *, settings: Mapping[str, str] | None = None, python: str = sys.executable
) -> Iterator[tuple[str, int]]:
    """A Python program that serves, once it says that it is ready; its address and its process.

    Its data is in `data` in the folder, what it logs beside that.
    """
    folder.mkdir(exist_ok=True)
    environment = os.environ | {"DAYFILE_DATA_DIR": str(folder / "data")} | dict(settings or {})
    with (folder / "server.log").open("w") as log:
        command = [python, *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment) as process:
            try:
                line = process.stdout.readline() if process.stdout else ""
                yield line.partition("ready: ")[2].split()[0], process.pid
            finally:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_STOP_SECONDS)
                process.kill()


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process and its children so far (Linux)."""
    total = 0.0
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split():
        total += cpu_seconds(int(child))
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
    return total + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """Return the memory that a process has now; none of its children (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
