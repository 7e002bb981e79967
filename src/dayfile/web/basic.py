"""HTTP Basic credentials, as both faces read them."""

from __future__ import annotations

import base64
import binascii


def read_basic(authorization: str) -> tuple[str, str]:
    """Return user name and password of an Authorization header; empty ones if there are none that can be read."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        username, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return (username, password) if colon else ("", "")
