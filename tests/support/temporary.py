"""The folder of temporary files: in memory, where there is enough of it.

Dayfile syncs whatever it keeps, thousands of times in a run, and each time a test waits for a disk that nobody looks at
afterwards: no test pulls the power cord. What is asked of the system is the same.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - what is made there has random names
_ENOUGH_BYTES: Final = 4 << 30

ON_DISK: Final = os.environ.setdefault("TESTS_ON_DISK", tempfile.gettempdir())
"""The usual folder of temporary files, for large ones that are not synced; other processes of a run are told."""


def use_memory() -> None:
    """Have this process, and those that it starts, keep temporary files in memory, unless TMPDIR says where."""
    if "TMPDIR" not in os.environ and _is_roomy(_MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)


def _is_roomy(folder: Path) -> bool:
    if not os.access(folder, os.W_OK):
        return False
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize >= _ENOUGH_BYTES and not found.f_flag & os.ST_NOEXEC
