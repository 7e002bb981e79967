"""The executor that heavy work is given to: threads of this process, since the engines in it leave Python's lock."""

from __future__ import annotations

import os
from concurrent.futures import Executor, ThreadPoolExecutor


def local_engine() -> Executor:
    """One piece at a time: a piece uses every core by itself, and two at once would only double the memory."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="piece")


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
