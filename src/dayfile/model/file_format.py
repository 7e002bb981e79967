"""File formats other than JSON lines, recognised by the beginning of a file, each with the way out.

No line that could be accepted begins like this: nothing is lost by refusing such a file as a whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

HEAD_BYTES: Final = 512
"""The bytes of a file, from the first one that is not white space, that decide its format."""


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A format by name, and the way to convert a file of it."""

    name: str
    way_out: str


def find_foreign_format(head: bytes) -> FileFormat | None:
    """Return the format of a file from its first HEAD_BYTES; None if it may be text in UTF-8."""
    if head[:1] in {b"{", b"["} and head[1:2] != b"\x00":
        return None  # as every body begins that is in order
    for pattern, found in _FORMATS:
        if pattern.match(head):
            return found
    return None


def _starts(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL | re.IGNORECASE)


def _exactly(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


_ARCHIVE: Final = "send each file that is in it by itself"
_UNPACK: Final = "send it unpacked, or packed with gzip or zstd"
_EXPORT: Final = "send JSON lines"

_FORMATS: Final = (
    (_exactly(rb"PK(?:\x03\x04|\x05\x06|\x07\x08)"), FileFormat("a zip file", f"{_ARCHIVE} (unzip -p FILE)")),
    (_exactly(rb"BZh[1-9](?:1AY&SY|\x17\x72\x45\x38\x50\x90)"), FileFormat("bzip2", f"{_UNPACK} (bzip2 -dc FILE)")),
    (_exactly(rb"\xfd7zXZ\x00"), FileFormat("xz", f"{_UNPACK} (xz -dc FILE)")),
    (_exactly(rb"\x5d\x00\x00.{2}(?:\xff{8}|.{3}\x00)"), FileFormat("lzma", f"{_UNPACK} (xz -dc FILE)")),
    (_exactly(rb"LZIP[\x00\x01]"), FileFormat("lzip", f"{_UNPACK} (lzip -dc FILE)")),
    (_exactly(rb"[\x02\x04]\x22\x4d\x18|\x02\x21\x4c\x18"), FileFormat("lz4", f"{_UNPACK} (lz4 -dc FILE)")),
    (_exactly(rb"\x1f[\x9d\xa0]"), FileFormat("compress (.Z)", f"{_UNPACK} (gzip -dc FILE)")),
    (_exactly(rb"\xff\x06\x00\x00sNaPpY"), FileFormat("snappy", _UNPACK)),
    (_exactly(rb"7z\xbc\xaf\x27\x1c"), FileFormat("a 7z file", _ARCHIVE)),
    (_exactly(rb"Rar!\x1a\x07"), FileFormat("a rar file", _ARCHIVE)),
    (_exactly(rb"[^\x00\n]{1,100}\x00.{155,255}ustar"), FileFormat("a tar file", f"{_ARCHIVE} (tar -xOf FILE)")),
    (_exactly(rb"PAR1"), FileFormat("a Parquet file", _EXPORT)),
    (_exactly(rb"Obj\x01"), FileFormat("an Avro file", _EXPORT)),
    (_exactly(rb"SQLite format 3\x00"), FileFormat("a database", _EXPORT)),
    (_exactly(rb"%PDF-"), FileFormat("a PDF", _EXPORT)),
    (
        _exactly(rb"\xff\xfe|\xfe\xff|\x00\x00\xfe\xff"),
        FileFormat("text in UTF-16", "send it in UTF-8 (iconv -t UTF-8)"),
    ),
    (_exactly(rb"[{\[]\x00|\x00+[{\[]"), FileFormat("text in UTF-16", "send it in UTF-8 (iconv -t UTF-8)")),
    (
        _starts(rb"--[^\r\n]{1,200}\r?\ncontent-"),
        FileFormat("multipart, a form with a file in it", "send the file itself (curl --data-binary @FILE)"),
    ),
    (
        _starts(rb"(?:[a-z_][\w.-]*=)?(?:%EF%BB%BF)?(?:%0D|%0A|%20|\+)*%(?:7B|5B)"),
        FileFormat("a form, percent-encoded", "send the lines as they are (curl --data-binary @FILE)"),
    ),
    (
        _starts(rb"<(?:!doctype|html|head|\?xml)\b"),
        FileFormat("HTML or XML", f"{_EXPORT}, and look at what you fetched"),
    ),
)
