"""The executor of heavy work: threads of this process, since the native code in them releases the GIL.

Apart, because it is all that another engine would replace.
"""

from __future__ import annotations

import os
from concurrent.futures import Executor, ThreadPoolExecutor


def local_engine() -> Executor:
    """Return an executor for one piece at a time: a piece uses every core, and two would only double the memory."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="piece")


def cores() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
