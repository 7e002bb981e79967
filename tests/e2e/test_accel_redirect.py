"""Large files that nginx sends: the same to the client as from Dayfile, and to nobody without a link."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from dayfile.files.checked_read import HASHED_FIRST_BYTES
from tests.support.face import Face, Login, served_face
from tests.support.nginx import PEER, nginx_before
from tests.support.recorded_log import recorded_log
from tests.support.stored_file import StoredFile

LARGE, SMALL = "2026-11-01", "2026-11-02"
# Nothing that gzip could make smaller than what is hashed before it is sent.
TEXT = b"".join(hashlib.sha512(b"%d" % n).hexdigest().encode() + b"\n" for n in range(HASHED_FIRST_BYTES // 60))
OWN = {"date", "server", "connection", "twilio-request-id", "twilio-request-duration"}


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Face]:
    """An instance that has nginx send large files."""
    folder = tmp_path_factory.mktemp("behind")
    with served_face(folder, trusted_proxies=PEER, accel_redirect="/objects/") as face:
        yield face


@pytest.fixture(scope="module")
def acme(behind: Face) -> Login:
    """An account with a large file and a small one."""
    acme = behind.account()
    behind.seal(acme, LARGE, TEXT)
    behind.seal(acme, SMALL, b'{"a":1}\n')
    behind.publish(acme, LARGE, SMALL)
    return acme


@pytest.fixture(scope="module")
def nginx(behind: Face, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the nginx before it."""
    folder = tmp_path_factory.mktemp("nginx")
    with nginx_before(behind.url, objects=behind.storage.root, folder=folder) as url:
        yield url


def path_of(face: Face, login: Login, day: str) -> str:
    """The path and query of a fresh link."""
    with face.client(login) as client:
        link = urlsplit(client.get(f"/v1/Exports/Messages/Days/{day}").headers["location"])
    return f"{link.path}?{link.query}"


def headers_of(answer: httpx2.Response) -> dict[str, str]:
    """The headers that do not differ from answer to answer."""
    return {name: value for name, value in answer.headers.items() if name not in OWN}


def test_nginx_sends_a_large_file_as_dayfile_would(behind: Face, acme: Login, nginx: str) -> None:
    """The same bytes, hash and headers; and it was not Dayfile that sent them."""
    path = path_of(behind, acme, LARGE)
    direct = httpx2.get(behind.url + path)
    with recorded_log() as log:
        through = httpx2.get(nginx + path)
        line = log.until(through)[-1]
    assert through.status_code == 200
    assert through.content == direct.content
    assert len(direct.content) > HASHED_FIRST_BYTES
    assert headers_of(through) == headers_of(direct)
    assert through.headers["twilio-request-id"].startswith("RQ")
    assert line["sent_bytes"] == 0


@pytest.mark.parametrize(
    "asked",
    [
        {"Range": "bytes=5-9"},
        {"Range": "bytes=-7"},
        {"Range": "bytes=99999999-"},
        {"Range": "bytes=0-1,3-4"},
        {"Range": "bytes=5-9", "If-Range": '"another"'},
        {"If-None-Match": "*"},
        {"If-None-Match": '"another"'},
        {"If-Modified-Since": "Sun, 06 Nov 2044 08:49:37 GMT"},
        {"If-Unmodified-Since": "Sun, 06 Nov 1994 08:49:37 GMT"},
        {"If-Match": '"another"'},
    ],
    ids=str,
)
def test_parts_and_conditions_are_dayfiles(behind: Face, acme: Login, nginx: str, asked: dict[str, str]) -> None:
    """A download that broke off goes on with the same file, through whatever it comes."""
    path = path_of(behind, acme, LARGE)
    direct, through = (httpx2.get(url + path, headers=asked) for url in (behind.url, nginx))
    assert through.status_code == direct.status_code
    assert through.content == direct.content or direct.status_code == 416
    assert headers_of(through) == headers_of(direct)


def test_the_head_of_a_large_file_is_that_of_its_get(behind: Face, acme: Login, nginx: str) -> None:
    """A downloader plans by it."""
    path = path_of(behind, acme, LARGE)
    assert headers_of(httpx2.head(nginx + path)) == headers_of(httpx2.get(nginx + path))


def test_a_part_can_be_resumed_by_the_etag_that_nginx_sent(behind: Face, acme: Login, nginx: str) -> None:
    """The ETag is Dayfile's, whoever sends the file."""
    path = path_of(behind, acme, LARGE)
    etag = httpx2.get(nginx + path).headers["etag"]
    assert httpx2.get(nginx + path, headers={"Range": "bytes=5-9", "If-Range": etag}).status_code == 206


def test_a_small_file_is_sent_by_dayfile(behind: Face, acme: Login, nginx: str) -> None:
    """It is hashed before its first byte, and may be a part of a pack, of which nginx knows nothing."""
    path = path_of(behind, acme, SMALL)
    with recorded_log() as log:
        through = httpx2.get(nginx + path)
        line = log.until(through)[-1]
    assert through.content == httpx2.get(behind.url + path).content
    assert line["sent_bytes"] == len(through.content)


@pytest.mark.parametrize("name", ["X-Accel-Redirect", "X-Sendfile", "X-Forwarded-For"])
def test_a_client_that_is_no_proxy_gets_the_file_itself(behind: Face, acme: Login, name: str) -> None:
    """An answer for the proxy would be an empty file to it, and tell it the place of the real one."""
    answer = httpx2.get(behind.url + path_of(behind, acme, LARGE), headers={name: PEER})
    assert len(answer.content) > HASHED_FIRST_BYTES
    assert "x-accel-redirect" not in answer.headers


def test_a_client_cannot_ask_for_objects(behind: Face, acme: Login, nginx: str) -> None:
    """The location is internal, and what a client writes into its request means nothing."""
    [key] = [key for key in behind.storage.scan("sealed/") if LARGE in key]
    assert httpx2.get(f"{nginx}/objects/{key}").status_code == 404
    asked = {"X-Accel-Redirect": f"/objects/{key}"}
    assert httpx2.get(f"{nginx}/healthz", headers=asked).json() == {"status": "ok"}
    forged = path_of(behind, acme, LARGE).replace("Signature=", "Signature=0")
    assert httpx2.get(nginx + forged, headers=asked).status_code == 403


def test_a_large_file_of_another_size_is_not_sent(tmp_path: Path) -> None:
    """Damage that is known before the first byte is an error, whoever would send the file."""
    with served_face(tmp_path, trusted_proxies=PEER, accel_redirect="/objects/") as face:
        acme = face.account()
        sealed = face.seal(acme, LARGE, TEXT)
        face.publish(acme, LARGE)
        (tmp_path / "nginx").mkdir()
        with nginx_before(face.url, objects=face.storage.root, folder=tmp_path / "nginx") as url:
            path = path_of(face, acme, LARGE)
            assert httpx2.get(url + path).status_code == 200
            StoredFile(face.storage.root, sealed).write_bytes(b"x")
            assert httpx2.get(url + path).status_code == 500
