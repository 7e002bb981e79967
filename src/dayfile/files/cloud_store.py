"""Connections to object stores: whom to ask, how long to wait, how often to ask again.

Credentials come from the environment of the process that asks, by the names that each store's own tools use: so they
are in no setting, and go to no other process.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from dayfile.errors import Unusable
from dayfile.files.storage_url import StorageUrl, s3_endpoint

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

CloudStore = S3Store | GCSStore | AzureStore

_CONNECT_WITHIN: Final = timedelta(seconds=10)
_ALL_WITHIN: Final = timedelta(days=1)  # of one answer, which a slow reader takes as slowly as it likes


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """The rule by which a request is repeated that the store did not answer, or answered with 429 or 5xx.

    The pause doubles from `first` to `longest`, with chance in it, so that many processes do not come back at once.
    """

    first: timedelta = timedelta(milliseconds=100)
    longest: timedelta = timedelta(seconds=10)
    times: int = 8
    in_all: timedelta = timedelta(minutes=1)
    hear_within: timedelta = timedelta(minutes=2)  # a deletion of a thousand objects takes some stores longer than one

    @property
    def config(self) -> RetryConfig:
        """The same, as obstore has it."""
        return {
            "backoff": {"init_backoff": self.first, "max_backoff": self.longest, "base": 2},
            "max_retries": self.times,
            "retry_timeout": self.in_all,
        }


NO_PATIENCE: Final = Patience(times=0, hear_within=timedelta(seconds=5))
"""The rule for somebody who waits for the answer: one try, and a few seconds."""


def connect(url: StorageUrl, *, ca_file: Path | None, patience: Patience, endpoint: str | None = None) -> CloudStore:
    """Return a connection to the store, which nothing is asked of yet; raises Unusable for one that cannot be.

    `endpoint` takes the place of the one in the environment.
    """
    prefix = url.prefix or None
    client = _client(endpoint or s3_endpoint(), ca_file=ca_file, patience=patience)
    retry = patience.config
    try:
        if url.scheme == "gs":
            return GCSStore(url.bucket, prefix=prefix, client_options=client, retry_config=retry)
        if url.scheme == "az":
            return AzureStore(url.bucket, prefix=prefix, client_options=client, retry_config=retry)
        if endpoint is None:
            return S3Store(url.bucket, prefix=prefix, client_options=client, retry_config=retry)
        return S3Store(url.bucket, prefix=prefix, client_options=client, retry_config=retry, endpoint=endpoint)
    except (BaseError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise Unusable(f"the object store of DAYFILE_STORAGE_URL, {url.text}, cannot be used: {reason}") from error


def _client(endpoint: str, *, ca_file: Path | None, patience: Patience) -> ClientConfig:
    client: ClientConfig = {
        "connect_timeout": min(_CONNECT_WITHIN, patience.hear_within),
        "read_timeout": patience.hear_within,
        "timeout": _ALL_WITHIN,
        "allow_http": endpoint.startswith("http://"),
    }
    if ca_file is not None:
        client["root_certificate"] = ca_file.read_bytes()
    return client
