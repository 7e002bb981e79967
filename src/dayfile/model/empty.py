"""The file of a day without records: the same gzip of nothing for everybody, so it is never stored."""

from __future__ import annotations

import hashlib

# A constant, not compressed here: a new version of the library may give other bytes, and a link's bytes never change.
EMPTY_FILE = bytes.fromhex("1f8b 0800 0000 0000 00ff 0300 0000 0000 0000 0000")
EMPTY_SHA256 = hashlib.sha256(EMPTY_FILE).hexdigest()
EMPTY_PLAIN_SHA256 = hashlib.sha256(b"").hexdigest()
EMPTY_ENCODER = "constant"
