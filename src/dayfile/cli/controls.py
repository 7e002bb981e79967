"""Escaping of control characters and invisible characters in everything that is shown.

Escaped are all control characters (C0, DEL, C1), line and paragraph separators, lone surrogates, which no output could
encode, and Unicode's format characters: bidirectional marks, invisible spaces, tags that hide text. Not escaped are the
zero-width joiner and non-joiner, without which emoji and Persian cannot be written, and format characters of some
scripts that are visible.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from typing import Final

_BEYOND_ASCII: Final = (
    r"\x80-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    r"\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f"
)
_ON_A_LINE: Final = re.compile(rf"[\x00-\x1f\x7f{_BEYOND_ASCII}]")
_DELETE: Final = "\x7f"
_IN_LINES: Final = re.compile(rf"[\x00-\x09\x0b-\x1f\x7f{_BEYOND_ASCII}]")


def plain(text: str) -> str:
    r"""Return the text on one line, with every such character spelled out: \x1b, \n, \u202e."""
    return _ON_A_LINE.sub(_spelling, text)


def plain_lines(text: str) -> str:
    """Return the text as `plain` does, but keep its line feeds."""
    return _IN_LINES.sub(_spelling, text)


def json_text(
    value: object,
    *,
    indent: int | None = None,
    ascii_only: bool = False,
    default: Callable[[object], object] | None = None,
) -> str:
    r"""Return the value as JSON in which such characters are escaped as \uXXXX, or all that are not ASCII.

    Parsing it gives the value again. `default` is that of `json.dumps`.
    """
    written = json.dumps(value, ensure_ascii=ascii_only, indent=indent, default=default)
    if written.isascii() and _DELETE not in written:
        return written  # all others of ASCII are escaped by now
    # A line feed in it is one of the indentation: within a text JSON has escaped it already.
    return _IN_LINES.sub(lambda found: json.dumps(found.group())[1:-1], written)


def spell_out_what_cannot_be_written(*streams: object) -> None:
    r"""Have streams of text write what their encoding lacks as plain() would: \u0142, and not fail at it."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def writes_all(stream: object) -> bool:
    """Tell if a stream of text can write every character."""
    return (getattr(stream, "encoding", None) or "").lower().replace("-", "").startswith("utf")


def _spelling(found: re.Match[str]) -> str:
    return found.group().encode("unicode_escape").decode()
