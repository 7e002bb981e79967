"""Copies of objects between storages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dayfile.errors import Corrupt, NotFound
from dayfile.files.cloud_storage import PART_BYTES, CloudPlace, CloudStorage
from dayfile.files.storage_url import StorageUrl
from tests.support.swift import Bucket


def test_a_large_object_is_copied_from_bucket_to_bucket(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has several parts, and is read from a store while it is written to one."""
    for name, value in bucket.environment().items():
        monkeypatch.setenv(name, value)
    source, target = (
        CloudStorage(CloudPlace(url=StorageUrl.parse(f"{bucket.url}/{name}"), ca_file=None)) for name in ("a", "b")
    )
    data = bytes(range(256)) * (2 * PART_BYTES // 256)
    source.put("sealed/large", [data])
    assert target.put("sealed/large", source.read("sealed/large")) == len(data)
    assert b"".join(target.read("sealed/large")) == data
    with pytest.raises(FileExistsError):
        target.put("sealed/large", source.read("sealed/large"))

    def doubt(blocks: Iterator[bytes]) -> Iterator[bytes]:
        yield from blocks
        raise Corrupt("other bytes")

    target.delete(["sealed/large"])
    with pytest.raises(Corrupt):
        target.put("sealed/large", doubt(source.read("sealed/large")))
    with pytest.raises(NotFound):
        target.size("sealed/large")
