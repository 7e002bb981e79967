"""Which part of a file a request asks for (RFC 9110: Range, If-Range, If-None-Match). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dayfile.errors import Invalid

# What is not one range of bytes is left alone, as the RFC has it for units and forms that a server does not know;
# several ranges in one answer are more than any downloader needs, so they get the whole file.
_ONE_RANGE = re.compile(r"bytes=(?P<first>[0-9]{1,18})?-(?P<last>[0-9]{1,18})?", re.ASCII | re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?("[^"]*")')


class RangeNotSatisfiable(Invalid):
    """The range lies outside the file; `size_bytes` is what there is."""

    def __init__(self, asked: str, *, size_bytes: int) -> None:
        super().__init__(f"The file has {size_bytes} bytes: Range {asked[:80]!r} asks for none of them")
        self.size_bytes = size_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Bytes `start` up to, not including, `stop`."""

    start: int
    stop: int

    def content_range(self, size_bytes: int) -> str:
        """How the answer names the part."""
        return f"bytes {self.start}-{self.stop - 1}/{size_bytes}"


def requested_part(range_header: str | None, if_range: str | None, *, etag: str, size_bytes: int) -> Part | None:
    """The part to send, or None for the whole file; raises RangeNotSatisfiable.

    A part is sent only if it continues what the client has: If-Range must be the strong ETag. Files have no
    modification date, so a date there matches nothing.
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
        start, stop = max(size_bytes - (last or 0), 0), size_bytes  # the last so many bytes
    elif last is None:
        start, stop = first, size_bytes
    elif last < first:
        return None  # runs backwards: no range at all
    else:
        start, stop = first, min(last + 1, size_bytes)
    if start >= size_bytes:
        raise RangeNotSatisfiable(range_header, size_bytes=size_bytes)
    return Part(start=start, stop=stop)


def is_known(if_none_match: str | None, *, etag: str) -> bool:
    """Whether the client has these very bytes already."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag in _TAG.findall(if_none_match)
