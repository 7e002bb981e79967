"""The opening of an instance: its objects are where they were, or have come along."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dayfile.errors import Unusable
from dayfile.model.account import AccountSid
from dayfile.opening import storage_at
from dayfile.service import Service
from dayfile.settings import Settings
from tests.support.failing_proxy import failing_proxy
from tests.support.postgres import a_postgres_url
from tests.support.records import Sent
from tests.support.state import KEY_TEXT, a_sid, an_account
from tests.support.swift import Bucket
from tests.support.world import World

ACME = AccountSid(a_sid("AC", "acme"))
DAY = "2026-11-01"


def _sealed(folder: Path, database: str | None = None, *, storage: str | None = None) -> str:
    """An instance with a sealed day, which is closed; the URL of its database."""
    world = World(folder, database=database, storage=storage)
    an_account(world.database, "acme")
    world.accept([Sent(account=ACME, name="m", created=f"{DAY}T10:00:00Z", updated=f"{DAY}T10:00:00Z")])
    world.seal(DAY)
    world.close()
    return world.settings.database


def _open(folder: Path, database: str, storage: Path | str | None = None) -> None:
    url = f"file://{storage}" if isinstance(storage, Path) else storage
    settings = Settings.read(
        _env_file=None, data_dir=folder, database_url=database, storage_url=url, secret_key=KEY_TEXT
    )
    Service.open(settings).close()


def test_another_storage_without_the_objects_is_refused_and_one_with_them_is_taken(tmp_path: Path) -> None:
    """New days would be sealed beside none of the old ones, and old files would be missing for all who ask."""
    database, other = _sealed(tmp_path), tmp_path / "other"
    with pytest.raises(Unusable, match=f"none of the objects .* is in file://{other}; .*/objects"):
        _open(tmp_path, database, other)
    assert not other.exists()
    _open(tmp_path, database)
    shutil.copytree(tmp_path / "objects", other)
    _open(tmp_path, database, other)
    shutil.rmtree(tmp_path / "objects")
    with pytest.raises(Unusable, match=f"they were in file://{other}"):
        _open(tmp_path, database)


def test_a_second_host_with_a_folder_of_its_own_is_refused(tmp_path: Path) -> None:
    """Both folders have the same name, and each would have half of the files."""
    folder = tmp_path / "data"
    database = _sealed(folder, a_postgres_url())
    _open(folder, database)
    (folder / "objects").rename(tmp_path / "on the first host")
    with pytest.raises(Unusable, match="Several hosts need an object store"):
        _open(folder, database)


def test_a_bucket_at_another_address_is_taken_if_the_objects_are_there(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store's host gets another name; a bucket of the same name at another store is another place."""
    for name, value in bucket.environment().items():
        monkeypatch.setenv(name, value)
    database = _sealed(tmp_path, storage=bucket.url)
    with failing_proxy(bucket.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        _open(tmp_path, database, bucket.url)
        assert proxy.count("HEAD")
        asked = len(proxy.asked)
        _open(tmp_path, database, bucket.url)
        assert len(proxy.asked) == asked
        proxy.fails("HEAD", times=100, status=404, code="NoSuchKey")
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url.replace("127.0.0.1", "localhost"))
        told = f"in {bucket.url} at localhost:.*, and for a bucket AWS_ENDPOINT_URL to its store"
        with pytest.raises(Unusable, match=told):
            _open(tmp_path, database, bucket.url)


def test_a_backup_beside_the_objects_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """Each would delete what it does not know."""
    settings = Settings.read(_env_file=None, data_dir=tmp_path, storage_url="s3://bucket/prefix")
    with pytest.raises(Unusable, match=r"choose another bucket or prefix.*at another store"):
        storage_at("s3://bucket/prefix/", settings, makes_folder=True)
    storage_at("gs://bucket/prefix", settings, makes_folder=True)


def test_an_instance_without_objects_may_go_anywhere(tmp_path: Path) -> None:
    """Nothing is lost by it."""
    World(tmp_path).close()
    _open(tmp_path, f"sqlite:///{tmp_path}/dayfile.sqlite", tmp_path / "other")
