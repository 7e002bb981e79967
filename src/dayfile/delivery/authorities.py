"""Certificate authorities that TLS connections trust."""

from __future__ import annotations

import ssl
from pathlib import Path

from dayfile.errors import Unusable


def load_authorities(context: ssl.SSLContext, path: Path) -> None:
    """Trust the authorities of a PEM file as well; raises Unusable."""
    try:
        context.load_verify_locations(path)
    except OSError as error:  # ssl.SSLError is one
        raise Unusable(f"{path} cannot be read as a PEM file of certificate authorities: {error}") from error
