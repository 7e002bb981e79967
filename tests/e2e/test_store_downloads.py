"""Downloads where the objects are in a bucket: large files from the store, others through Dayfile, the bytes alike."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from dayfile.client.client import Client
from dayfile.files.links import Link
from dayfile.model.day import Day
from dayfile.model.resource import MESSAGES
from dayfile.objects.damage_record import DamageRecord
from dayfile.web.urls import Urls
from tests.support import world
from tests.support.face import Face, Login, served_face
from tests.support.failing_proxy import failing_proxy
from tests.support.swift import Bucket

DAY = "2026-11-01"
TEXT = b'{"a":1}\n' * 1000


@pytest.fixture
def environment(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A bucket that this process has credentials for."""
    for name, value in bucket.environment().items():
        monkeypatch.setenv(name, value)
    return bucket


@contextmanager
def published(folder: Path, bucket: Bucket, **settings: Any) -> Iterator[tuple[Face, Login, str]]:
    """An instance with a day of an account that is sealed and published, and the link to it."""
    with served_face(folder, storage_url=bucket.url, **settings) as face:
        acme = face.account()
        face.seal(acme, DAY, TEXT)
        face.publish(acme, DAY)
        yield face, acme, link_of(face, acme)


def link_of(face: Face, acme: Login) -> str:
    """The link that a client gets."""
    with face.client(acme) as client:
        answer = client.get(f"/v1/Exports/Messages/Days/{DAY}")
    assert answer.status_code == 307
    assert answer.json()["redirect_to"] == answer.headers["location"]
    return str(answer.headers["location"])


def test_a_file_of_its_own_comes_from_the_store(tmp_path: Path, environment: Bucket) -> None:
    """Gigabytes do not go through the server, and nothing is needed but the link."""
    with published(tmp_path, environment) as (face, acme, link):
        assert link.startswith(f"{environment.endpoint}/{environment.name}/")
        answer = httpx2.get(link)
        assert hashlib.sha256(answer.content).hexdigest() == _sealed(face, acme).sha256
        with face.database.snapshot() as tx:
            given = tx.audit.newest(subject=f"{acme.sid}/Messages", limit=10)
        assert [line.deed.action for line in given] == ["link.given"]
        assert answer.status_code == 200
        part = httpx2.get(link, headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, answer.content[10:20])


def test_the_store_says_what_dayfile_would_say(tmp_path: Path, environment: Bucket) -> None:
    """A browser saves the file under the name of its account, type and day, wherever it comes from."""
    with published(tmp_path, environment) as (face, acme, link):
        stored, served = httpx2.get(link), served_here(face, acme)
    assert served.content == stored.content
    for name in ("content-type", "content-disposition"):
        assert stored.headers[name] == served.headers[name]


def served_here(face: Face, acme: Login) -> httpx2.Response:
    """The answer of Dayfile itself, whose link is signed beside that of the store."""
    with face.database.snapshot() as tx:
        day_file = tx.day_files.find(acme.sid, MESSAGES, Day.parse(DAY), now=face.clock.now())
    assert day_file is not None
    link = Link.to(day_file, expires_at=face.clock.now() + timedelta(hours=1))
    return httpx2.get(Urls(face.url).download(face.service.context.links.sign(link)))


def _sealed(face: Face, acme: Login) -> Any:
    with face.database.snapshot() as tx:
        return tx.sealed_days.of_day(MESSAGES, Day.parse(DAY))[acme.sid]


def test_a_packed_file_comes_from_dayfile(tmp_path: Path, environment: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store has no object that is the file and nothing else."""
    monkeypatch.setattr(world, "PACK_BELOW", world.ALL_PACKED)
    with published(tmp_path, environment) as (face, _, link):
        assert link.startswith(f"{face.url}/v1/Downloads/")
        answer = httpx2.get(link)
        assert httpx2.get(link, headers={"Range": "bytes=10-19"}).content == answer.content[10:20]
        assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'


def test_a_small_file_is_one_request_to_the_store(
    tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request takes its time and is billed: the size of an object is seen by reading it."""
    with failing_proxy(bucket.endpoint) as proxy:
        for name, value in bucket.environment(endpoint=proxy.url).items():
            monkeypatch.setenv(name, value)
        with published(tmp_path, bucket, downloads="serve") as (_, _, link):
            begun = len(proxy.asked)
            assert httpx2.get(link).status_code == 200
            assert [asked.partition(" ")[0] for asked in proxy.asked[begun:]] == ["GET"]


def test_an_operator_can_have_all_files_come_from_dayfile(tmp_path: Path, environment: Bucket) -> None:
    """Operators may have clients that cannot reach the store, or need more than the store's log."""
    with published(tmp_path, environment, downloads="serve") as (face, _, link):
        assert link.startswith(f"{face.url}/v1/Downloads/")
        assert httpx2.get(link).status_code == 200


def test_a_file_that_is_known_as_damaged_is_not_left_to_the_store(tmp_path: Path, environment: Bucket) -> None:
    """The store compares nothing: it would give the wrong bytes, as if they were right."""
    with published(tmp_path, environment) as (face, acme, _):
        sealed = _sealed(face, acme)
        face.kept.delete([sealed.key])
        face.kept.put(sealed.key, [b"x" * sealed.size_bytes])
        DamageRecord(face.database, clock=face.clock).add_file(sealed, "a scrub has found it")
        answer = httpx2.get(link_of(face, acme))
        assert (answer.status_code, answer.json()["code"]) == (500, 20510)


def test_links_are_made_for_the_name_that_clients_know(tmp_path: Path, environment: Bucket) -> None:
    """Inside, a store has another name than outside, and a link that is signed for one does not work at the other."""
    with (
        failing_proxy(environment.endpoint) as outside,
        published(tmp_path, environment, storage_public_url=outside.url) as (_, _, link),
    ):
        assert link.startswith(f"{outside.url}/{environment.name}/")
        assert httpx2.get(link).status_code == 200
        assert outside.asked == [f"GET {link.removeprefix(outside.url)}"], "Dayfile itself goes by the other name"
        assert httpx2.get(link.replace(outside.url, environment.endpoint)).status_code == 403


def test_a_changed_link_gives_nothing(tmp_path: Path, environment: Bucket) -> None:
    """A link is for one file until one moment."""
    with published(tmp_path, environment) as (_, _, link):
        for other in (link.replace("X-Amz-Expires=3600", "X-Amz-Expires=7200"), link.replace("prefix", "prefiy")):
            assert other != link
            assert httpx2.get(other).status_code == 403


def test_our_own_client_follows_and_proves_what_it_got(tmp_path: Path, environment: Bucket) -> None:
    """The ETag is the store's and proves nothing: the manifest does. The store never hears the credentials."""
    with (
        failing_proxy(environment.endpoint) as outside,
        published(tmp_path, environment, storage_public_url=outside.url) as (face, acme, _),
        Client(face.url, acme.username, acme.password) as client,
    ):
        (tmp_path / "got").mkdir()
        got = client.download(MESSAGES, Day.parse(DAY), tmp_path / "got")
        assert got.is_proven
        assert hashlib.sha256(got.path.read_bytes()).hexdigest() == _sealed(face, acme).sha256
        assert outside.authorizations == [None]
