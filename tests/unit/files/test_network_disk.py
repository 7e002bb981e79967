from __future__ import annotations

from pathlib import Path

import pytest

from dayfile.files.network_disk import network_file_system

TABLE = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:41 / {folder}/share rw,relatime shared:2 - nfs4 files:/share rw,vers=4.2
31 30 8:2 / {folder}/share/disk rw - xfs /dev/sdb1 rw
32 22 0:42 / {folder}/with\040space rw - fuse.sshfs user@host: rw
33 22 0:43 / {folder}/host rw - 9p drvfs rw
34 22 0:44 / {folder}/twice rw - xfs /dev/sdc1 rw
35 22 0:45 / {folder}/twice rw - cifs //files/share rw
"""


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("own/dayfile.sqlite", None),
        ("share", "nfs4"),
        ("share/data/dayfile.sqlite", "nfs4"),
        ("share/disk/dayfile.sqlite", None),  # a disk that is mounted in it
        ("shared/dayfile.sqlite", None),
        ("with space/dayfile.sqlite", "fuse.sshfs"),
        ("host/dayfile.sqlite", None),  # a folder of the machine that this virtual one runs on
        ("twice/dayfile.sqlite", "cifs"),  # what was mounted last is seen
    ],
)
def test_the_file_system_is_the_one_mounted_deepest(place: str, kind: str | None, tmp_path: Path) -> None:
    """A share below which there is a disk, or a disk below which there is a share."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(TABLE.replace("{folder}", str(tmp_path).replace(" ", r"\040")))
    assert network_file_system(tmp_path / place, mounts=mounts) == kind


def test_nothing_is_said_where_the_system_has_no_such_table(tmp_path: Path) -> None:
    """An operating system that is not Linux."""
    assert network_file_system(tmp_path, mounts=tmp_path / "mountinfo") is None


def test_this_machine_s_own_table_is_understood(tmp_path: Path) -> None:
    """The temporary folder of these tests is on no network."""
    assert network_file_system(tmp_path) is None
