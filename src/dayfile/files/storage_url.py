"""URLs of object storages: which there are, and what is in one.

Apart, because settings are checked where no storage is opened and none of its packages is loaded.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from urllib.parse import unquote, urlsplit

from dayfile.errors import Unusable
from dayfile.files.names import KEY

_STORES: Final = {"s3": "an S3 bucket", "gs": "a bucket of Google Cloud Storage", "az": "a container of Azure"}
_FORMS: Final = "file:///FOLDER, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX"
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}", re.ASCII)
_LONGEST_PREFIX: Final = 200
_STORE: Final = " at "  # before the store of a bucket
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")


def s3_endpoint() -> str:
    """Return the address of the store that this process takes for S3's, by the names that the store's own tools use."""
    return next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageUrl:
    """The place of an object storage: a folder, or a bucket of a store, with the prefix of the keys in it."""

    scheme: str
    folder: Path | None = None
    bucket: str = ""
    prefix: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the place that a URL names; raises Unusable with the rule."""
        parts = urlsplit(text)
        if parts.scheme == "file" and text.startswith("file:///"):
            return cls(scheme="file", folder=Path(text.removeprefix("file://")))
        if parts.scheme not in _STORES:
            raise Unusable(f"must be {_FORMS}, not {text.partition(':')[0]}:")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise Unusable(
                "must be a bucket and a prefix and nothing else: the keys of the store have variables of their own"
            )
        if not _BUCKET.fullmatch(parts.netloc):
            raise Unusable(f"must name {_STORES[parts.scheme]} after {parts.scheme}://, as in {_FORMS}")
        prefix = unquote(parts.path).strip("/")
        if prefix and (len(prefix) > _LONGEST_PREFIX or not KEY.fullmatch(prefix)):
            raise Unusable(
                f"must have a prefix of at most {_LONGEST_PREFIX} letters, digits and =._- in parts with / between them"
            )
        return cls(scheme=parts.scheme, bucket=parts.netloc, prefix=prefix)

    @property
    def text(self) -> str:
        """The URL, as it is shown."""
        if self.folder is not None:
            return f"file://{self.folder}"
        return f"{self.scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")

    @property
    def whereabouts(self) -> str:
        """The URL and, of a bucket at an S3 store other than Amazon's, the store."""
        store = urlsplit(s3_endpoint()).netloc.rpartition("@")[2] if self.scheme == "s3" else ""
        return self.text + (f"{_STORE}{store}" if store else "")


def url_in(whereabouts: str) -> str:
    """Return the URL in the whereabouts of a storage; a folder may have ` at ` in its name, a bucket may not."""
    return whereabouts if whereabouts.startswith("file:") else whereabouts.partition(_STORE)[0]
