"""HTTP Basic credentials, parsed for both the API and the console."""

from __future__ import annotations

import base64
import binascii


def read_basic(authorization: str) -> tuple[str, str]:
    """Return user name and password of an Authorization header; two empty texts if it is not valid Basic."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        username, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return (username, password) if colon else ("", "")
