"""Range requests and conditional requests (RFC 9110: Range, If-Range, If-None-Match). Pure functions."""

from __future__ import annotations

import re

import msgspec

from dayfile.errors import Invalid

# Anything but a single range of bytes is ignored, as the RFC allows for unknown units and forms. Several ranges get the
# whole file: no downloader needs them.
_ONE_RANGE = re.compile(r"bytes=(?P<first>[0-9]{1,18})?-(?P<last>[0-9]{1,18})?", re.ASCII | re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?("[^"]*")')


class RangeNotSatisfiable(Invalid):
    """A range outside of the file; `size_bytes` is the size of the file."""

    def __init__(self, asked: str, *, size_bytes: int) -> None:
        super().__init__(f"The file has {size_bytes} bytes: Range {asked[:80]!r} asks for none of them")
        self.size_bytes = size_bytes


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A range of bytes from `start` up to, not including, `stop`."""

    start: int
    stop: int

    def content_range(self, size_bytes: int) -> str:
        """Return the value of Content-Range."""
        return f"bytes {self.start}-{self.stop - 1}/{size_bytes}"


def requested_part(range_header: str | None, if_range: str | None, *, etag: str, size_bytes: int) -> Part | None:
    """Return the part to send, or None for the whole file; raises RangeNotSatisfiable.

    If-Range must be the strong ETag, so that the part belongs to the file that the client has; otherwise the whole
    file is sent. Files have no modification date, so a date never matches.
    """
    if range_header is None or (if_range is not None and if_range.strip() != etag):
        return None
    asked = _ONE_RANGE.fullmatch(range_header.strip())
    if not asked:
        return None
    first, last = (int(text) if text else None for text in asked.group("first", "last"))
    if first is None and last is None:
        return None
    if first is None:
        start, stop = max(size_bytes - (last or 0), 0), size_bytes  # the last `last` bytes
    elif last is None:
        start, stop = first, size_bytes
    elif last < first:
        return None  # invalid, so it is ignored
    else:
        start, stop = first, min(last + 1, size_bytes)
    if start >= size_bytes:
        raise RangeNotSatisfiable(range_header, size_bytes=size_bytes)
    return Part(start=start, stop=stop)


def is_known(if_none_match: str | None, *, etag: str) -> bool:
    """Return True if If-None-Match says that the client has these bytes already."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag in _TAG.findall(if_none_match)
