"""The processes of this machine by the folders in which they work."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def working_in(folder: Path) -> list[int]:
    """Return the ids of the processes that work in a folder, or in one below it."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            with suppress(OSError):  # it has ended, or is somebody else's
                works_in = str((process / "cwd").readlink()).removesuffix(" (deleted)")
                if Path(works_in).is_relative_to(folder):
                    found.append(int(process.name))
    return found
