"""Free space on the disks that an instance writes to.

Apart, because it asks the operating system, and who imports it judges the answer.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """The room on one disk, by a folder on it."""

    folder: Path
    free_bytes: int  # for this user: what is reserved for root does not count
    total_bytes: int
    free_files: int | None  # None where the file system has no limit of files
    total_files: int | None

    @property
    def free_share(self) -> float:
        """The part of the disk that is free, from 0 to 1: of its bytes or of its files, whichever is less."""
        of_bytes = self.free_bytes / self.total_bytes if self.total_bytes else 1.0
        of_files = self.free_files / self.total_files if self.total_files and self.free_files is not None else 1.0
        return min(of_bytes, of_files)


def spaces_of(folders: Iterable[Path]) -> list[Space]:
    """Return the space of each disk that the folders are on, in their order; of a missing folder, its parent counts.

    Raises OSError if a disk does not answer.
    """
    found: dict[int, Space] = {}
    for folder in folders:
        place = next(one for one in (folder, *folder.parents) if one.exists())
        device = place.stat().st_dev
        if device not in found:
            found[device] = _space(place)
    return list(found.values())


def _space(folder: Path) -> Space:
    usage, limits = shutil.disk_usage(folder), os.statvfs(folder)
    return Space(
        folder=folder,
        free_bytes=usage.free,
        total_bytes=usage.total,
        free_files=limits.f_favail if limits.f_files else None,
        total_files=limits.f_files or None,
    )
