from __future__ import annotations

import gzip
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.client.client import Client
from dayfile.client.download import Downloaded
from dayfile.errors import Corrupt, Transient
from dayfile.model.day import Day
from dayfile.model.resource import MESSAGES
from tests.unit.client.other_server import URL, OtherServer, Patience

FILE = gzip.compress(b"".join(b'{"sid":"SM%d"}\n' % number for number in range(50)), mtime=0)
OTHER_FILE = gzip.compress(b'{"sid":"SM99"}\n', mtime=0)
DAY = Day.parse("2026-10-01")


def download(server: OtherServer, folder: Path, *, username: str = "AC1") -> Downloaded:
    """Run the download once."""
    transport = httpx2.MockTransport(server)
    with Client(URL, username, "secret", wait=Patience(), transport=transport) as client:
        return client.download(MESSAGES, DAY, folder)


def names(folder: Path) -> list[str]:
    """Return the names in the folder."""
    return sorted(path.name for path in folder.iterdir())


@given(breaks=st.lists(st.integers(0, len(FILE)), max_size=4), has_etag=st.booleans())
def test_a_download_survives_breaks_anywhere(
    breaks: list[int], has_etag: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Nights are long and lines are bad: what arrives in the end is the file, to the byte, under its name, alone."""
    folder = tmp_path_factory.mktemp("downloads")
    server = OtherServer(FILE, breaks=breaks, has_etag=has_etag)
    downloaded = download(server, folder)
    assert downloaded.path.read_bytes() == FILE
    assert (downloaded.found.lines, downloaded.is_proven) == (50, False)
    assert names(folder) == ["AC1-Messages-2026-10-01.json.gz"]


def test_a_download_that_broke_off_says_what_is_kept_and_what_to_do(tmp_path: Path) -> None:
    """Of ten gigabytes nine may be here: nobody should throw them away."""
    kept = rf"20 bytes have arrived and are kept in .*{DAY}\.json\.gz\.part\. Download it again to resume there"
    with pytest.raises(Transient, match=kept):
        download(OtherServer(FILE, breaks=[20, 0, 0, 0, 0]), tmp_path)
    with pytest.raises(Transient, match=r"peer\. Download it again$"):
        download(OtherServer(FILE, breaks=[0] * 5, has_etag=False), tmp_path, username="AC2")


def test_what_has_arrived_is_not_asked_for_again(tmp_path: Path) -> None:
    """Of a day of ten gigabytes the last one must not cost ten."""
    server = OtherServer(FILE, breaks=[20, 30])
    download(server, tmp_path)
    assert server.ranges == [None, "bytes=20-", "bytes=50-"]
    assert server.links == 3  # each try with a link of its own: some work once


def test_the_next_run_goes_on_where_the_last_one_stopped(tmp_path: Path) -> None:
    """The machine was rebooted; what was on its disk is worth something."""
    server = OtherServer(FILE, breaks=[20, 0, 0, 0, 0])
    with pytest.raises(Transient):
        download(server, tmp_path)
    assert names(tmp_path) == ["AC1-Messages-2026-10-01.json.gz.part", "AC1-Messages-2026-10-01.json.gz.part.etag"]
    server.ranges.clear()
    assert download(server, tmp_path).path.read_bytes() == FILE
    assert server.ranges == ["bytes=20-"]


def test_another_file_is_begun_anew(tmp_path: Path) -> None:
    """The day was exported again in between: the end of one file on the beginning of another is no file."""
    server = OtherServer(FILE, breaks=[20, 0, 0, 0, 0])
    with pytest.raises(Transient):
        download(server, tmp_path)
    server.content = OTHER_FILE
    assert download(server, tmp_path).path.read_bytes() == OTHER_FILE


def test_a_download_that_was_complete_but_not_renamed_is_begun_anew(tmp_path: Path) -> None:
    """Killed between its last byte and its name: there is nothing left to continue, which is no reason to fail."""
    server = OtherServer(FILE)
    (tmp_path / "AC1-Messages-2026-10-01.json.gz.part").write_bytes(FILE)
    (tmp_path / "AC1-Messages-2026-10-01.json.gz.part.etag").write_text(server.etag)
    assert download(server, tmp_path).path.read_bytes() == FILE


def test_a_file_with_a_manifest_is_proven(tmp_path: Path) -> None:
    """A hash from the server proves what gzip's checksum cannot: that it is this file."""
    assert download(OtherServer(FILE, has_manifest=True), tmp_path).is_proven


def test_a_proven_file_is_left_alone(tmp_path: Path) -> None:
    """The same command every night over the same range transfers only what is new."""
    server = OtherServer(FILE, has_manifest=True)
    download(server, tmp_path)
    server.ranges.clear()
    again = download(server, tmp_path)
    assert (again.was_here, again.is_proven, server.ranges) == (True, True, [])


def test_a_file_here_that_is_not_the_server_s_is_replaced(tmp_path: Path) -> None:
    """It was cut by a full disk, or is an older revision: its name alone proves nothing."""
    (tmp_path / "AC1-Messages-2026-10-01.json.gz").write_bytes(FILE[:-1] + b"x")
    assert download(OtherServer(FILE, has_manifest=True), tmp_path).path.read_bytes() == FILE


def test_files_of_two_accounts_stand_side_by_side(tmp_path: Path) -> None:
    """An agency brings those of all its customers into one folder: the second replaced those of the first."""
    first = download(OtherServer(FILE, has_manifest=True), tmp_path)
    second = download(OtherServer(OTHER_FILE, has_manifest=True), tmp_path, username="AC2")
    assert (first.path.read_bytes(), second.path.read_bytes()) == (FILE, OTHER_FILE)
    assert names(tmp_path) == ["AC1-Messages-2026-10-01.json.gz", "AC2-Messages-2026-10-01.json.gz"]


@pytest.mark.parametrize(
    ("server", "owner"),
    [
        (OtherServer(FILE, has_manifest=True, account="AC" + "1" * 32), "AC" + "1" * 32),
        (OtherServer(FILE, account="AC" + "2" * 32), "AC" + "2" * 32),
        (OtherServer(FILE), "SK___1"),
    ],
)
def test_a_key_s_files_are_named_for_its_account(server: OtherServer, owner: str, tmp_path: Path) -> None:
    """A key is rotated, and the archive goes on; of a server that tells no account, each key has its own files."""
    assert download(server, tmp_path, username="SK/..1").path.name == f"{owner}-Messages-2026-10-01.json.gz"


def test_what_is_not_as_the_manifest_says_never_gets_its_name(tmp_path: Path) -> None:
    """A wrong file under the right name is found by nobody."""
    server = OtherServer(FILE, has_manifest=True, manifest_content=OTHER_FILE)
    with pytest.raises(Corrupt, match="Messages-2026-10-01"):
        download(server, tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"<html>sign in</html>", FILE[:-4]])
def test_what_is_not_whole_gzip_never_gets_its_name(content: bytes, tmp_path: Path) -> None:
    """A portal's login page has been archived as a day before."""
    with pytest.raises(Corrupt):
        download(OtherServer(content), tmp_path)
    assert names(tmp_path) == []
