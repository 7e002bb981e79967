from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dayfile.errors import Unusable
from dayfile.files.storage import LocalStorage
from dayfile.files.storage_url import StorageUrl, url_in
from dayfile.files.storages import open_storage
from dayfile.objects.layout import download_headers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file:///var/objects", StorageUrl(scheme="file", folder=Path("/var/objects"))),
        ("s3://bucket", StorageUrl(scheme="s3", bucket="bucket")),
        ("s3://bucket/", StorageUrl(scheme="s3", bucket="bucket")),
        ("s3://bucket/a/b/", StorageUrl(scheme="s3", bucket="bucket", prefix="a/b")),
        ("gs://bucket/a", StorageUrl(scheme="gs", bucket="bucket", prefix="a")),
        ("az://container", StorageUrl(scheme="az", bucket="container")),
    ],
)
def test_a_url_names_a_folder_or_a_bucket_with_a_prefix(text: str, expected: StorageUrl) -> None:
    """Two spellings of one place must not be two places."""
    assert StorageUrl.parse(text) == expected
    assert StorageUrl.parse(expected.text) == expected


@pytest.mark.parametrize("text", ["file:///srv/objects at home at last", "s3://bucket/a", "gs://bucket"])
def test_the_url_is_found_in_the_whereabouts(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator who has moved an instance is told to set it: half of a folder's name is another folder."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://store.example.com:9000")
    assert url_in(StorageUrl.parse(text).whereabouts) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ftp://host/objects", r"must be file:///FOLDER, s3://BUCKET/PREFIX, .*, not ftp:"),
        ("/var/objects", "must be file:///FOLDER"),
        ("file://host/objects", "must be file:///FOLDER"),
        ("s3:///prefix", "must name an S3 bucket after s3://"),
        ("s3://key:secret@bucket", "a bucket and a prefix and nothing else"),
        ("s3://bucket?region=eu", "a bucket and a prefix and nothing else"),
        ("s3://bucket/a//b", "prefix of at most"),
        ("s3://bucket/../b", "prefix of at most"),
        ("s3://bucket/ä", "prefix of at most"),
    ],
)
def test_another_url_is_refused_with_the_rule(text: str, told: str) -> None:
    """A typing error must not become a bucket of that name, or a secret in a setting that is shown."""
    with pytest.raises(Unusable, match=told) as refused:
        StorageUrl.parse(text)
    assert "secret" not in str(refused.value)


def test_an_installation_without_the_extra_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the first thing that an operator of a bucket meets."""
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.delitem(sys.modules, "dayfile.files.cloud_storage", raising=False)
    monkeypatch.delitem(sys.modules, "dayfile.files.cloud_store", raising=False)
    monkeypatch.delitem(sys.modules, "dayfile.files.cloud_errors", raising=False)
    with pytest.raises(Unusable, match=r"run `pip install 'dayfile\[cloud\]'`"):
        _opened("s3://bucket")


def test_a_folder_is_made_only_when_it_may_be(tmp_path: Path) -> None:
    """Commands that only look leave nothing behind."""
    url = f"file://{tmp_path}/objects"
    assert _opened(url, makes_folder=False) == LocalStorage(tmp_path / "objects")
    assert not (tmp_path / "objects").exists()
    _opened(url)
    assert (tmp_path / "objects").is_dir()


def _opened(url: str, *, makes_folder: bool = True) -> object:
    return open_storage(
        StorageUrl.parse(url), ca_file=None, public_url=None, headers_of=download_headers, makes_folder=makes_folder
    )
