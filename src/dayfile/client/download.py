"""Downloads of day files, complete or not at all.

An interrupted download is resumed, in the same process or a later one, as long as the server still has the same file.
The file gets its final name only when it is complete and matches the server's hash, where there is one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx2

from dayfile.client.answers import RemoteManifest
from dayfile.client.partial import Examined, Partial, examine
from dayfile.client.server import Server
from dayfile.errors import Corrupt, Transient
from dayfile.model.day import Day
from dayfile.model.empty import EMPTY_FILE
from dayfile.model.resource import ResourceType

_TRIES = 5
_DELAY_SECONDS = 1.0
_STRONG_ETAG = re.compile(r'"[^"]*"')
_SHA256_ETAG = re.compile(r'"(?:sha256[-:])?([0-9a-f]{64})"')
_FIRST_BYTE = re.compile(r"bytes (\d+)-")
_ACCOUNT = re.compile(r"/account=(AC[0-9a-f]{32})/")
_UNFIT = re.compile(r"[^A-Za-z0-9]")  # in the name of a file, on all systems
_WHOLE = 200  # and not 206, a part

Progress = Callable[[int, int | None], None]
"""Called with the bytes so far and the total, None if it is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """A complete file in the folder."""

    path: Path
    found: Examined
    manifest: RemoteManifest | None  # None if the server has no manifests
    is_proven: bool  # by a hash from the server, beyond gzip's own checksum
    was_here: bool  # and was not transferred

    @property
    def is_incomplete(self) -> bool:
        """True if the server says that records of the day were lost there."""
        return self.manifest is not None and self.manifest.is_incomplete


class Downloader:
    """Downloads of one account's files to a folder that others may use: each file is named for its account."""

    def __init__(self, server: Server, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._owner: str | None = None  # the account, once it is known, if the login does not name it

    def download(
        self, resource_type: ResourceType, day: Day, *, progress: Progress, listed_bytes: int | None = None
    ) -> Downloaded:
        """Download a day's file, unless it is in the folder already and matches the server's manifest.

        On a server without manifests, a complete file of `listed_bytes` in the folder is kept, too.

        Raises NotFound if the day is not published, Transient if the connection keeps breaking (the partial file is
        kept for the next run), Corrupt if the downloaded file repeatedly does not match the server's hash, or if the
        file is damaged on the server.
        """
        manifest = self._server.find_manifest(resource_type, day)
        self._learn_owner(resource_type, day, manifest)
        path = self._path(resource_type, day)
        if manifest and (found := _is_here(path, manifest)):
            return Downloaded(path=path, found=found, manifest=manifest, is_proven=True, was_here=True)
        whole = None if manifest or listed_bytes is None else self.find(resource_type, day)
        if whole is not None and whole.found.size_bytes == listed_bytes:
            return whole
        partial = Partial(path)
        for _ in range(_TRIES):
            try:
                etag = self._bring(resource_type, day, partial, progress=progress)
            except Corrupt:
                partial.discard()  # it may be damaged
                raise
            # Fetched after the bytes: a day that was exported again meanwhile has another manifest now.
            manifest = manifest and self._server.find_manifest(resource_type, day)
            found = _accepted(partial, manifest=manifest, etag=etag)
            if found is None:
                partial.discard()
                continue
            partial.finish()
            proven = manifest is not None or _sha256_in(etag) is not None
            return Downloaded(path=path, found=found, manifest=manifest, is_proven=proven, was_here=False)
        raise Corrupt(f"{path.name}: what arrived was not what the server says it has, {_TRIES} times")

    def find(self, resource_type: ResourceType, day: Day) -> Downloaded | None:
        """Return the day's file if it is in the folder and complete gzip, else None; the server is not asked."""
        path = self._path(resource_type, day)
        try:
            found = examine(path)
        except (FileNotFoundError, Corrupt):
            return None
        return Downloaded(path=path, found=found, manifest=None, is_proven=False, was_here=True)

    def put_empty(self, resource_type: ResourceType, day: Day) -> Downloaded:
        """Write the file of a day without records, for a server that has no file for it."""
        path = self._path(resource_type, day)
        partial = Partial(path)
        partial.begin(None)
        partial.path.write_bytes(EMPTY_FILE)
        found = partial.examine()
        partial.finish()
        return Downloaded(path=path, found=found, manifest=None, is_proven=False, was_here=False)

    def _path(self, resource_type: ResourceType, day: Day) -> Path:
        return self._folder / f"{_UNFIT.sub('_', self._owner or self._server.username)}-{resource_type}-{day}.json.gz"

    def _learn_owner(self, resource_type: ResourceType, day: Day, manifest: RemoteManifest | None) -> None:
        """Find out which account an API key belongs to, for the names of its files.

        The manifest or the link tells it. If neither does, files are named for the key.
        """
        if self._owner is None and not self._server.username.startswith("AC"):
            told = manifest.answer.get("account_sid") if manifest else None
            link = _ACCOUNT.search("" if told else self._server.link(resource_type, day))
            self._owner = str(told or (link[1] if link else self._server.username))

    def _bring(self, resource_type: ResourceType, day: Day, partial: Partial, *, progress: Progress) -> str | None:
        """Transfer the whole file, with retries; return its strong ETag or None."""
        for remaining in reversed(range(_TRIES)):
            # A new link for every attempt: some links work only once, and all expire after some minutes.
            link = self._server.link(resource_type, day)
            try:
                return self._transfer(link, partial, progress=progress)
            except Transient as error:
                if not remaining:
                    raise Transient(f"{error}. {_kept(partial)}") from error
                self._server.wait(_DELAY_SECONDS)
        raise Transient("the file could not be downloaded")

    def _transfer(self, link: str, partial: Partial, *, progress: Progress) -> str | None:
        with self._server.open_link(link, start=partial.size, etag=partial.etag) as answer:
            etag = answer.headers.get("etag", "")
            strong = etag if _STRONG_ETAG.fullmatch(etag) else None
            if answer.status_code == _WHOLE:
                # From the start: there was no partial file, or the server has another file by now.
                partial.begin(strong)
            elif _first_byte(answer) != partial.size:
                partial.discard()
                raise Transient("the server cannot continue where the transfer stopped")
            length = answer.headers.get("content-length")
            total = partial.size + int(length) if length else None
            with partial.path.open("ab") as file:
                for block in answer.iter_raw():
                    file.write(block)
                    progress(file.tell(), total)
        if total is not None and partial.size != total:
            raise Transient(f"the transfer broke off after {partial.size} of {total} bytes")
        return strong


def _kept(partial: Partial) -> str:
    if partial.size and partial.etag:
        return f"{partial.size:,} bytes have arrived and are kept in {partial.path}. Download it again to resume there"
    return "Download it again"


def _is_here(path: Path, manifest: RemoteManifest) -> Examined | None:
    """Return the properties of the file at `path` if it matches the manifest, else None."""
    if not path.exists() or path.stat().st_size != manifest.size_bytes:
        return None
    try:
        found = examine(path)
    except Corrupt:
        return None
    return found if found.sha256 == manifest.sha256 else None


def _accepted(partial: Partial, *, manifest: RemoteManifest | None, etag: str | None) -> Examined | None:
    """Return the properties of the transferred file if it is complete and matches the server's hashes, else None."""
    try:
        found = partial.examine()
    except Corrupt:
        return None
    if manifest is not None and found.sha256 != manifest.sha256:
        return None
    expected = _sha256_in(etag)
    return found if expected in {None, found.sha256} else None


def _sha256_in(etag: str | None) -> str | None:
    match = _SHA256_ETAG.fullmatch(etag or "")
    return match[1] if match else None


def _first_byte(answer: httpx2.Response) -> int | None:
    match = _FIRST_BYTE.match(answer.headers.get("content-range", ""))
    return int(match[1]) if match else None
