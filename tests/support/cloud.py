"""Storages in buckets of a real object store, as one process sees them."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest

from dayfile.files.cloud_storage import CloudPlace, CloudStorage
from dayfile.files.cloud_store import Patience
from dayfile.files.storage_url import StorageUrl
from tests.support.swift import Bucket

HASTY: Final = Patience(
    first=timedelta(milliseconds=1), longest=timedelta(milliseconds=5), times=3, in_all=timedelta(minutes=1)
)


def cloud_storage(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, *, endpoint: str | None = None, public_url: str | None = None
) -> CloudStorage:
    """A storage in the bucket, reached at an endpoint of its own if one is given; it repeats three times, at once."""
    for name, value in bucket.environment(endpoint=endpoint).items():
        monkeypatch.setenv(name, value)
    return CloudStorage(CloudPlace(url=StorageUrl.parse(bucket.url), patience=HASTY, public_url=public_url))
