"""The signs by which a request of a browser is known: not to be trusted, and good enough to choose an answer by."""

from __future__ import annotations

import re
from typing import Final

from starlette.datastructures import Headers

_QUALITY: Final = re.compile(r"q=(\d?\.?\d*)", re.IGNORECASE)

_Wish = tuple[float, int]
"""How much a type is wanted, then how exactly it is named."""


def is_browser(headers: Headers) -> bool:
    """Whether a request was made by a browser: it says in which mode it asks, or prefers HTML."""
    return "sec-fetch-mode" in headers or prefers_html(headers)


def prefers_html(headers: Headers) -> bool:
    """Whether HTML is wanted more than JSON by an Accept header: by quality, then by how exactly each is named."""
    ranges = [_range(part) for part in ",".join(headers.getlist("accept")).split(",")]
    html, json = _wish(ranges, "text/html"), _wish(ranges, "application/json")
    return html[0] > 0 and html > json


def _range(part: str) -> tuple[str, float]:
    name, *parameters = (word.strip() for word in part.split(";"))
    given = next((match[1] for word in parameters if (match := _QUALITY.fullmatch(word))), "1")
    return name.lower(), float(given) if given.strip(".") else 0.0


def _wish(ranges: list[tuple[str, float]], media_type: str) -> _Wish:
    names = ("*/*", f"{media_type.partition('/')[0]}/*", media_type)
    wishes = [(names.index(name), quality) for name, quality in ranges if name in names]
    exactness, quality = max(wishes, default=(0, 0.0))
    return quality, exactness
