"""Characters that a terminal obeys, and those that leave nothing to see: spelled out, wherever anything is shown.

They are all control characters (C0, DEL, C1), line and paragraph separators, halves of surrogate pairs, which no output
could encode, and what Unicode calls format characters: marks that turn the reading direction, invisible spaces, tags
that hide a whole text. Left alone are the zero-width joiner and non-joiner, without which emoji and Persian cannot be
written, and the signs of some scripts that are format characters and can be seen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final

_BEYOND_ASCII: Final = (
    r"\x80-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    r"\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f"
)
_ON_A_LINE: Final = re.compile(rf"[\x00-\x1f\x7f{_BEYOND_ASCII}]")
_IN_LINES: Final = re.compile(rf"[\x00-\x09\x0b-\x1f\x7f{_BEYOND_ASCII}]")


def plain(text: str) -> str:
    r"""Return the text on one line, with every such character spelled out: \x1b, \n, \u202e."""
    return _ON_A_LINE.sub(_spelling, text)


def plain_lines(text: str) -> str:
    """Return the text as `plain` does, with its line feeds left as they are."""
    return _IN_LINES.sub(_spelling, text)


def json_text(value: object, *, indent: int | None = None, default: Callable[[object], object] | None = None) -> str:
    r"""Return the value as JSON in which such characters are escaped as \uXXXX; other scripts stay readable.

    It parses to the value that it was made of. `default` is that of `json.dumps`.
    """
    written = json.dumps(value, ensure_ascii=False, indent=indent, default=default)
    # A line feed in it is one of the indentation: within a text JSON has escaped it already.
    return _IN_LINES.sub(lambda found: json.dumps(found.group())[1:-1], written)


def _spelling(found: re.Match[str]) -> str:
    return found.group().encode("unicode_escape").decode()
