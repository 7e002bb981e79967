"""Sids: two capital letters for the kind of thing, and 32 hexadecimal digits, which mean the same in either case."""

from __future__ import annotations

import re
from typing import Final

_SHAPE: Final = re.compile(r"([A-Z]{2})([0-9a-fA-F]{32})", re.ASCII)


def canonical_sid(text: str, *, prefix: str | None = None) -> str | None:
    """Return the sid in the one form that is kept and shown, with lower-case digits.

    Returns None for a text that is not a sid, or not one with this prefix.
    """
    found = _SHAPE.fullmatch(text)
    if found is None or prefix not in {None, found[1]}:
        return None
    return found[1] + found[2].lower()
