"""A real object store for the tests: OpenStack Swift, speaking S3, started once for all processes of a run.

`make servers` installs it, apart from everything else; where it is missing, or cannot run, tests are skipped.
"""

from __future__ import annotations

import fcntl
import functools
import itertools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from dayfile.clock import SystemClock
from dayfile.files.s3_signature import S3Credentials, S3Request

KEY, SECRET = "test:tester", "testing"  # of Swift's example configuration
READER = {"AWS_ACCESS_KEY_ID": "test:reader", "AWS_SECRET_ACCESS_KEY": "reading"}  # who may do nothing here
LISTED_AT_ONCE = 40  # by this server, for a list of a few pages to be quickly made
_INSTALLED = Path(__file__).parents[2] / ".venv" / "servers" / "swift"
_numbers = itertools.count(1)
_held: list[IO[bytes]] = []  # the lock that tells the server that this process uses it


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A bucket that nobody else uses, and how it is asked."""

    name: str
    endpoint: str

    @property
    def url(self) -> str:
        """The value for DAYFILE_STORAGE_URL."""
        return f"s3://{self.name}/some/prefix"

    def environment(self, *, endpoint: str | None = None) -> dict[str, str]:
        """The variables that a process needs to reach it."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": endpoint or self.endpoint,
        }

    def unfinished(self) -> int:
        """The number of uploads in parts that were neither finished nor given up."""
        return _ask("GET", self.endpoint, f"/{self.name}", {"uploads": ""}).count(b"<UploadId>")

    def objects(self) -> int:
        """The number of objects in it, of whomever."""
        return _ask("GET", self.endpoint, f"/{self.name}", {"list-type": "2"}).count(b"<Key>")


def a_bucket(runs: Path) -> Bucket:
    """Make a bucket; `runs` is a folder of this run of the tests. Skips the test where there is no Swift."""
    endpoint = f"http://127.0.0.1:{_port(runs)}"
    name = f"bucket-{os.getpid()}-{next(_numbers)}"
    _ask("PUT", endpoint, f"/{name}")
    return Bucket(name=name, endpoint=endpoint)


@functools.cache
def _port(runs: Path) -> int:
    if not (_INSTALLED / "swift").is_dir():
        pytest.skip("Swift is not installed: make servers")
    with _alone(runs / "swift.starting"):
        users, told = runs / "swift.users", runs / "swift.port"
        users.touch()
        _held.append(users.open("rb"))
        fcntl.flock(_held[0], fcntl.LOCK_SH)  # waits for a server that is about to end
        if told.is_file() and _answers(int(told.read_text())):
            return int(told.read_text())
        port = _start(users)
        told.write_text(str(port))
        return port


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def _start(users: Path) -> int:
    folder = _folder()
    program = Path(__file__).with_name("swift_server.py")
    server = subprocess.Popen(
        [sys.executable, "-P", str(program), str(folder), str(users)],  # -P: this module is no Swift
        env={**os.environ, "PYTHONPATH": str(_INSTALLED)},
        stdout=subprocess.PIPE,
        start_new_session=True,  # it ends by itself
    )
    assert server.stdout is not None
    with server.stdout as said:
        port = said.readline()
    _servers.append(server)
    if not port:
        shutil.rmtree(folder)
        pytest.fail(f"Swift did not start, and ended with {server.wait()}: what it says is above")
    return int(port)


def _folder() -> Path:
    """Make a folder where files can have attributes, in memory if such files can."""
    for place in (Path("/dev/shm"), Path(tempfile.gettempdir())):  # noqa: S108 - the name is random
        if place.is_dir():
            folder = Path(tempfile.mkdtemp(prefix="dayfile-swift-", dir=place))
            with suppress(OSError):
                os.setxattr(folder, "user.dayfile", b"1")
                return folder
            folder.rmdir()
    pytest.skip("Swift needs a file system with user attributes, and the folder for temporary files has none")


_servers: list[subprocess.Popen[bytes]] = []  # else Python would complain that it still runs


def _ask(method: str, endpoint: str, path: str, query: dict[str, str] | None = None) -> bytes:
    credentials = S3Credentials(key=KEY, secret=SECRET, token=None, region="us-east-1")
    request = S3Request(method=method, url=endpoint + path, query=query or {})
    url = request.signed(credentials, now=SystemClock().now())
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=30) as answer:  # noqa: S310 - ours
        content: bytes = answer.read()
    return content
