"""Commands that are watched: their time, their memory, and the scratch space that they take (Linux)."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

_EVERY_SECONDS: Final = 0.25
_SAID_EVERY: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """The figures of one command."""

    seconds: float
    cpu_seconds: float  # of it and of the processes that it started
    rss_mb: float  # the most that one of them had (ru_maxrss)
    pss_mb: Mapping[str, float]  # the most that each of them had at once, memory shared with others in parts
    together_mb: float  # the most that all of them had at the same moment (PSS)
    scratch_mb: float  # the most that was in the scratch folder
    output: bytes


def watched(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    scratch: Path,
    source: IO[bytes] | None = None,
) -> Watched:
    """Run a command to its end, and say now and then how it goes; raises if it fails."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdin=source, stdout=subprocess.PIPE, env=dict(environment)) as process:
        look = _Look(process.pid, scratch)
        output: list[bytes] = []
        reading = threading.Thread(target=lambda: output.append(process.stdout.read() if process.stdout else b""))
        reading.start()
        said = start
        while not os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            look.again()
            if time.perf_counter() - said > _SAID_EVERY:
                said = time.perf_counter()
                print(f"  {said - start:>7,.0f} s  {look.now()}", flush=True)
            time.sleep(_EVERY_SECONDS)
        seconds = time.perf_counter() - start
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        reading.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}: {output[0].decode()[:2000]}")
    return Watched(
        seconds=seconds,
        cpu_seconds=used.ru_utime + used.ru_stime,
        rss_mb=used.ru_maxrss / 1000,
        pss_mb=look.most_of_each,
        together_mb=look.most_together,
        scratch_mb=look.most_scratch,
        output=output[0],
    )


class _Look:
    """A look at a process, its children and a folder, again and again; it keeps the highest of each figure."""

    def __init__(self, pid: int, scratch: Path) -> None:
        self._pid = pid
        self._scratch = scratch
        self._of_each: dict[int, float] = {}
        self._last = ""
        self.most_together = self.most_scratch = 0.0

    @property
    def most_of_each(self) -> dict[str, float]:
        """The command itself first, then its children, the largest first."""
        children = sorted((most for pid, most in self._of_each.items() if pid != self._pid), reverse=True)
        own = {"the command": self._of_each.get(self._pid, 0.0)}
        return own | {f"child {number}": most for number, most in enumerate(children, start=1)}

    def again(self) -> None:
        """Look."""
        found = {pid: shared_mb(pid) for pid in family(self._pid)}
        for pid, pss in found.items():
            self._of_each[pid] = max(self._of_each.get(pid, 0.0), pss)
        scratch = disk_mb(self._scratch)
        self.most_together = max(self.most_together, sum(found.values()))
        self.most_scratch = max(self.most_scratch, scratch)
        self._last = f"{len(found)} processes with {sum(found.values()):,.0f} MB, {scratch:,.0f} MB of scratch"

    def now(self) -> str:
        """Return the last figures in words."""
        return self._last


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = _read(Path(f"/proc/{pid}/task/{pid}/children"))
    return [pid, *(one for child in found.split() for one in family(int(child)))]


def shared_mb(pid: int) -> float:
    """Return the memory of a process, of pages that others have as well its share (PSS)."""
    lines = (line.split() for line in _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines())
    return next((int(line[1]) / 1000 for line in lines if line[0] == "Pss:"), 0.0)


def disk_mb(folder: Path, *, chosen: Callable[[Path], bool] = lambda _: True) -> float:
    """Return what the files below a folder take on the disk."""
    return sum(size_of(path) for path in folder.rglob("*") if chosen(path)) / 1e6


def size_of(path: Path) -> int:
    """Return the bytes that a file takes on the disk; 0 if it is none, or gone."""
    try:
        found = path.lstat()
    except OSError:
        return 0
    return found.st_blocks * 512 if path.is_file() else 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""  # it has ended meanwhile
