"""How a receiver knows who calls: by Twilio's signature, which its validators check, or by Standard Webhooks'.

Both are on every request. What each of them covers is in docs/webhooks.md, with code that checks it.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable
from datetime import datetime

from dayfile.delivery.fields import Fields


def twilio_signature(auth_token: str, *, url: str, form: Fields) -> str:
    """The text of X-Twilio-Signature: over the URL as requested and, in the order of their names, the form's fields."""
    signed = url + "".join(name + value for name, value in sorted(form))
    return _base64(hmac.digest(auth_token.encode(), signed.encode(), "sha1"))


def standard_signatures(secrets: Iterable[bytes], *, message_id: str, at: datetime, payload: str) -> str:
    """The text of webhook-signature: one signature for each secret, so that a receiver may know any of them."""
    signed = f"{message_id}.{timestamp(at)}.{payload}".encode()
    return " ".join(f"v1,{_base64(hmac.digest(secret, signed, 'sha256'))}" for secret in secrets)


def timestamp(at: datetime) -> str:
    """A moment as webhook-timestamp has it: seconds since 1970."""
    return str(int(at.timestamp()))


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
