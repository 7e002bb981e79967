"""A BulkExports server of somebody else's, for clients: it has one day, and breaks as it is told to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx2

URL = "https://exports.example.com"


class Patience:
    """A wait that costs nothing and is counted."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.waited.append(seconds)


class _Breaking(httpx2.SyncByteStream):
    """A body whose connection breaks after so many bytes."""

    def __init__(self, body: bytes, breaks_after: int | None) -> None:
        self._body = body
        self._breaks_after = breaks_after

    def __iter__(self) -> Iterator[bytes]:
        if self._breaks_after is None or self._breaks_after >= len(self._body):
            yield self._body
            return
        yield self._body[: self._breaks_after]
        raise httpx2.ReadError("connection reset by peer")


@dataclass
class OtherServer:
    """One day's file, served from a store with signed links."""

    content: bytes
    has_etag: bool = True
    has_manifest: bool = False
    manifest_content: bytes | None = None  # what the manifest describes, if not the file
    account: str | None = None  # whose the file is, where the server tells it
    breaks: list[int] = field(default_factory=list)  # after so many bytes of each transfer, one after the other
    ranges: list[str | None] = field(default_factory=list)  # what was asked for
    links: int = 0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "store.example.com":
            return self._download(request)
        if request.url.path.endswith("/Manifest"):
            return self._manifest()
        self.links += 1
        return httpx2.Response(307, json={"redirect_to": f"{self._store()}?Signature={self.links}"})

    def _store(self) -> str:
        return f"https://store.example.com/account={self.account}/a"

    @property
    def etag(self) -> str:
        """The strong ETag of the content."""
        return f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'

    def _download(self, request: httpx2.Request) -> httpx2.Response:
        assert "authorization" not in request.headers
        wanted = request.headers.get("range")
        self.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        if request.headers.get("if-range") != self.etag:
            start = 0
        if start >= len(self.content) and start:
            return httpx2.Response(416, headers={"Content-Range": f"bytes */{len(self.content)}"})
        body = self.content[start:]
        headers = {"Content-Length": str(len(body))} | ({"ETag": self.etag} if self.has_etag else {})
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
        breaks_after = self.breaks.pop(0) if self.breaks else None
        return httpx2.Response(206 if start else 200, headers=headers, stream=_Breaking(body, breaks_after))

    def _manifest(self) -> httpx2.Response:
        if not self.has_manifest:
            return httpx2.Response(404, json={"message": "no", "code": 20404})
        content = self.content if self.manifest_content is None else self.manifest_content
        manifest = {
            "revision": 1,
            "records": 0,
            "size_bytes": len(content),
            "plain_bytes": 0,
            "sha256": hashlib.sha256(content).hexdigest(),
            "plain_sha256": "",
        } | ({"account_sid": self.account} if self.account else {})
        return httpx2.Response(200, json=manifest)
