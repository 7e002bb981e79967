"""`dayfile storage test`: the operator learns what is missing before the first record comes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dayfile.checks.bucket_setup import setup_of
from dayfile.cli.exit_codes import Outcome
from tests.e2e.cli_instance import Instance
from tests.support.failing_proxy import FailingProxy, failing_proxy
from tests.support.swift import READER, Bucket

TRIED = ["answer", "put", "create only", "get", "range", "list", "multipart", "link", "delete"]
SETUP = ["versioning", "object lock", "unfinished uploads", "encryption"]


@pytest.fixture
def proxy(bucket: Bucket) -> Iterator[FailingProxy]:
    """A proxy between the command and the store."""
    with failing_proxy(bucket.endpoint) as proxy:
        yield proxy


def results(instance: Instance, *, expect: int = 0) -> dict[str, tuple[str, str]]:
    """The trials, with verdict and text."""
    done = instance.run("storage", "test", "--json", expect=expect)
    return {one["name"]: (one["verdict"], one["text"]) for one in _parsed(done.stdout)["results"]}


def _parsed(text: str) -> dict[str, list[dict[str, str]]]:
    parsed: dict[str, list[dict[str, str]]] = json.loads(text)
    return parsed


def an_instance(folder: Path, bucket: Bucket, *, endpoint: str | None = None, **changed: str) -> Instance:
    """A command line with a bucket in its settings."""
    variables = {"DAYFILE_STORAGE_URL": bucket.url, **bucket.environment(endpoint=endpoint), **changed}
    return Instance(folder, variables=variables)


def test_a_bucket_that_does_all_is_good_and_left_as_it_was(tmp_path: Path, bucket: Bucket) -> None:
    """Silence of the store is not called good."""
    found = results(an_instance(tmp_path, bucket))
    assert [(name, found.pop(name)[0]) for name in TRIED] == [(name, "ok") for name in TRIED]
    assert list(found) == SETUP
    assert {name: verdict for name, (verdict, _) in found.items()} == {
        "versioning": "ok",
        "object lock": "ok",
        "unfinished uploads": "unknown",
        "encryption": "unknown",
    }
    assert bucket.objects() == 0
    assert not (tmp_path / "data").exists()


def test_a_folder_is_tried_too(tmp_path: Path) -> None:
    """One command tells of any storage whether it works."""
    instance = Instance(tmp_path)
    instance.run("init")
    found = results(instance)
    assert [verdict for verdict, _ in found.values()] == ["ok"] * len(TRIED)
    assert list((tmp_path / "data" / "objects").rglob("*.*")) == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [(READER, "allow s3:GetObject"), ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "AWS_SECRET_ACCESS_KEY")],
    ids=["permission", "secret"],
)
def test_what_keeps_it_from_answering_is_the_only_thing_told(
    tmp_path: Path, bucket: Bucket, changed: dict[str, str], told: str
) -> None:
    """Nine lines of the same complaint hide what to do."""
    found = results(an_instance(tmp_path, bucket, **changed), expect=Outcome.FAILED)
    assert list(found) == ["answer"]
    assert told in found["answer"][1]


@pytest.mark.parametrize(
    ("pattern", "name", "permission"),
    [("GET .*list-type", "list", "s3:ListBucket"), (r"POST .*\?delete|DELETE", "delete", "s3:DeleteObject")],
)
def test_a_permission_that_is_missing_is_named(
    tmp_path: Path, bucket: Bucket, proxy: FailingProxy, *, pattern: str, name: str, permission: str
) -> None:
    """A key that may write and not delete works for a week, until the sweep."""
    proxy.fails(pattern, times=1000, status=403, code="AccessDenied")
    found = results(an_instance(tmp_path, bucket, endpoint=proxy.url), expect=Outcome.FAILED)
    assert {one for one, (verdict, _) in found.items() if verdict == "missing"} == {name}
    assert permission in found[name][1]


def test_a_link_that_clients_cannot_use_is_told(tmp_path: Path, bucket: Bucket, proxy: FailingProxy) -> None:
    """The server itself never goes by it, so that nobody else would notice."""
    proxy.fails("GET", times=1000, status=403, code="AccessDenied")
    found = results(an_instance(tmp_path, bucket, DAYFILE_STORAGE_PUBLIC_URL=proxy.url), expect=Outcome.FAILED)
    assert "DAYFILE_STORAGE_PUBLIC_URL" in found["link"][1]


def test_what_a_store_says_of_a_bucket_is_understood() -> None:
    """In the words of Amazon's, which this machine does not have."""
    said = {
        "versioning": (200, b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"),
        "object-lock": (200, b"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>"),
        "lifecycle": (404, b"<Error><Code>NoSuchLifecycleConfiguration</Code></Error>"),
        "encryption": (404, b"<Error><Code>ServerSideEncryptionConfigurationNotFoundError</Code></Error>"),
    }
    assert [one.verdict.value for one in setup_of(said.__getitem__)] == ["warning"] * 4
    good = {
        "versioning": (200, b"<VersioningConfiguration/>"),
        "object-lock": (404, b"<Error><Code>ObjectLockConfigurationNotFoundError</Code></Error>"),
        "lifecycle": (200, b"<LifecycleConfiguration><Rule><AbortIncompleteMultipartUpload>"),
        "encryption": (200, b"<ServerSideEncryptionConfiguration><Rule><SSEAlgorithm>AES256"),
    }
    assert [one.verdict.value for one in setup_of(good.__getitem__)] == ["ok"] * 4
    assert [one.verdict.value for one in setup_of(lambda _: (501, b""))] == ["unknown"] * 4
    assert [one.verdict.value for one in setup_of(None)] == ["unknown"] * 4
