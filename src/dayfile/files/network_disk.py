"""Disks that are somewhere else: whether a folder is on a network file system.

Apart, because it asks the operating system, and who imports it judges the answer.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

MOUNTS: Final = Path("/proc/self/mountinfo")
"""The table of what is mounted, for this process (Linux)."""

# Not those by which a virtual machine has a folder of its host, which is still one machine's: 9p, virtiofs, vboxsf.
_NETWORKS: Final = re.compile(
    r"nfs4?|cifs|smb3?|smbfs|ncpfs|afs|ceph|lustre|beegfs|gpfs|gfs2?|ocfs2|pvfs2|glusterfs|davfs"
    r"|fuse\.(sshfs|glusterfs|ceph|ceph-fuse|cephfs|s3fs|goofys|rclone|gcsfuse|blobfuse2?|mount-s3|juicefs|moosefs|davfs2?)"
)
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


def network_file_system(place: Path, *, mounts: Path = MOUNTS) -> str | None:
    """Return the type of the network file system that a place is on; None if it is on none, or the system says nothing.

    Of a place that is missing, the folder counts that it would be in.
    """
    try:
        table = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    found = [mount for mount in map(_mount, table) if place.resolve().is_relative_to(mount[0])]
    if not found:
        return None
    depth = max(len(folder.parts) for folder, _ in found)
    kind = [kind for folder, kind in found if len(folder.parts) == depth][-1]  # the last one covers those before it
    return kind if _NETWORKS.fullmatch(kind) else None


def _mount(line: str) -> tuple[Path, str]:
    """Return where something is mounted, and its type, as a line of the table has them."""
    before, _, after = line.partition(" - ")
    folder = _ESCAPED.sub(lambda found: chr(int(found[1], 8)), before.split()[4])
    return Path(folder), after.split()[0]
