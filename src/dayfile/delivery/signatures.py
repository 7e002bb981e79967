"""Signatures of webhooks: Twilio's, which its validators check, and those of Standard Webhooks.

Every request carries both. docs/webhooks.md says what each of them covers, with code that checks it.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable
from datetime import datetime

from dayfile.delivery.fields import Fields


def twilio_signature(auth_token: str, *, url: str, form: Fields) -> str:
    """Return X-Twilio-Signature: base64 of HMAC-SHA1 over the requested URL and the form's fields, sorted by name."""
    signed = url + "".join(name + value for name, value in sorted(form))
    return _base64(hmac.digest(auth_token.encode(), signed.encode(), "sha1"))


def standard_signatures(secrets: Iterable[bytes], *, message_id: str, at: datetime, payload: str) -> str:
    """Return webhook-signature: one `v1` signature per secret, so that a receiver may know any of the secrets."""
    signed = f"{message_id}.{timestamp(at)}.{payload}".encode()
    return " ".join(f"v1,{_base64(hmac.digest(secret, signed, 'sha256'))}" for secret in secrets)


def timestamp(at: datetime) -> str:
    """Return webhook-timestamp: Unix seconds."""
    return str(int(at.timestamp()))


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
