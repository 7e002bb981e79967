"""Signed requests of S3 for what the library for objects does not ask: how a bucket is set up.

Apart, because it is a published algorithm (AWS Signature Version 4, in a URL's query) and knows nothing of storages.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Final
from urllib.parse import quote, urlsplit

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_LIFETIME: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Credentials:
    """Credentials that are known as such, unlike those of a role."""

    key: str
    secret: str
    token: str | None
    region: str

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> S3Credentials | None:
        """Return the credentials in the environment; None where there are none."""
        key, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
        if not key or not secret:
            return None
        region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1"
        return cls(key=key, secret=secret, token=environment.get("AWS_SESSION_TOKEN") or None, region=region)


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Request:
    """A request without a body."""

    method: str
    url: str  # without a query
    query: Mapping[str, str]

    def signed(self, credentials: S3Credentials, *, now: datetime) -> str:
        """Return the URL for the request, which works for a few minutes."""
        parts, moment = urlsplit(self.url), f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        scope = f"{moment[:8]}/{credentials.region}/s3/aws4_request"
        query = {
            **self.query,
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"{credentials.key}/{scope}",
            "X-Amz-Date": moment,
            "X-Amz-Expires": str(_LIFETIME // timedelta(seconds=1)),
            "X-Amz-SignedHeaders": "host",
            **({"X-Amz-Security-Token": credentials.token} if credentials.token else {}),
        }
        path = quote(parts.path or "/", safe="/-_.~")
        spelled = "&".join(f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query))
        canonical = "\n".join((self.method, path, spelled, f"host:{parts.netloc}", "", "host", "UNSIGNED-PAYLOAD"))
        signed = "\n".join((_ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
        key = reduce(_derived, scope.split("/"), f"AWS4{credentials.secret}".encode())
        signature = hmac.digest(key, signed.encode(), "sha256").hex()
        return f"{parts.scheme}://{parts.netloc}{path}?{spelled}&X-Amz-Signature={signature}"


def bucket_url(bucket: str, environment: Mapping[str, str], *, region: str) -> str:
    """Return the URL of a bucket at the store that the environment names, Amazon's by default."""
    named = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    endpoint = (named or f"https://s3.{region}.amazonaws.com").rstrip("/")
    if environment.get("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "").lower() == "true" and named:
        return endpoint  # which has the bucket in its name
    return f"{endpoint}/{bucket}"


def _derived(key: bytes, part: str) -> bytes:
    return hmac.digest(key, part.encode(), "sha256")
