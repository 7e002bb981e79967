"""Detection of browsers from request headers: good enough to choose a response by, not for security."""

from __future__ import annotations

import re
from typing import Final

from starlette.datastructures import Headers

_QUALITY: Final = re.compile(r"q=(\d?\.?\d*)", re.IGNORECASE)

_Wish = tuple[float, int]
"""Quality of a type in an Accept header, then how exactly the type is named."""


def is_browser(headers: Headers) -> bool:
    """Return True if a browser made the request: it has Sec-Fetch-Mode, or prefers HTML."""
    return "sec-fetch-mode" in headers or prefers_html(headers)


def prefers_html(headers: Headers) -> bool:
    """Return True if Accept prefers HTML to JSON: by quality, then by how exactly each type is named."""
    ranges = [_range(part) for part in ",".join(headers.getlist("accept")).split(",")]
    if any(name == "*" for name, _ in ranges):
        return False  # Java's HttpURLConnection names HTML first in everything that it asks for, and a lone star
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
