"""The demo's customers: each account exports its days, downloads them, and compares."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dayfile.client.answers import RemoteJob
from dayfile.client.client import Client
from dayfile.client.download import Downloaded
from dayfile.demo.expectation import Expectation, Place, order_of_places
from dayfile.demo.instance import Member
from dayfile.model.account import AccountSid
from dayfile.model.day import DayRange
from dayfile.model.resource import ResourceType

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Downloaded files and their expected content."""

    expectation: Expectation
    files: Mapping[Place, Downloaded]

    @property
    def expected_records(self) -> int:
        """Expected number of lines in all files."""
        return sum(map(self.expectation.count, self.files))

    @property
    def records(self) -> int:
        """Actual number of lines in all files."""
        return sum(file.found.lines for file in self.files.values())

    def count(self, holds: Callable[[Place, Downloaded], bool]) -> int:
        """Return the number of files for which `holds` is true."""
        return sum(holds(place, file) for place, file in self.files.items())

    def has_expected_text(self, place: Place, file: Downloaded) -> bool:
        """Return True if the text is byte for byte the expected one."""
        return file.found.plain_sha256 == self.expectation.sha256(place)

    def is_as_its_manifest_says(self, _: Place, file: Downloaded) -> bool:
        """Return True if count, sizes and both hashes match the manifest."""
        found, manifest = file.found, file.manifest
        return manifest is not None and (
            (found.lines, found.size_bytes, found.plain_bytes, found.sha256, found.plain_sha256)
            == (manifest.records, manifest.size_bytes, manifest.plain_bytes, manifest.sha256, manifest.plain_sha256)
        )


def sha256_of_all(files: Mapping[Place, Downloaded]) -> str:
    """Return the SHA-256 of the texts of downloaded files, one after the other, in hexadecimal."""
    digest = hashlib.sha256()
    for place in sorted(files, key=order_of_places):
        with gzip.open(files[place].path) as text:
            while block := text.read(_BLOCK_BYTES):
                digest.update(block)
    return digest.hexdigest()


class Customers:
    """All accounts, each with its own credentials."""

    def __init__(self, servers: Mapping[AccountSid, Client], folder: Path) -> None:
        self._servers = servers
        self._folder = folder

    def server(self, member: Member) -> Client:
        """Return the client of an account."""
        return self._servers[member.sid]

    def ask(self, member: Member, resource_type: ResourceType, days: DayRange, *, name: str) -> RemoteJob:
        """Submit a job and return it."""
        return self.server(member).create_job(resource_type, days.first, days.last, name=name)

    def download(self, place: Place) -> Downloaded:
        """Download one file."""
        account, resource_type, day = place
        return self._servers[account].download(resource_type, day, self._folder / account)

    def compare(
        self, places: Sequence[Place], expectation: Expectation, *, progress: Callable[[int], None]
    ) -> Comparison:
        """Download files, to be compared with their expected content."""
        files = {}
        for place in places:
            files[place] = self.download(place)
            progress(1)
        return Comparison(expectation=expectation, files=files)


@contextmanager
def customers(url: str, members: Iterable[Member], folder: Path) -> Iterator[Customers]:
    """Provide the accounts, connected to the server while the block runs."""
    with ExitStack() as closing:
        servers = {member.sid: closing.enter_context(Client(url, member.sid, member.auth_token)) for member in members}
        yield Customers(servers, folder)
