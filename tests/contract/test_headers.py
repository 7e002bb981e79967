from __future__ import annotations

import re
from pathlib import Path

import httpx2
import pytest

from dayfile.errors import StorageUnavailable
from dayfile.files.storage import LocalStorage
from tests.support.face import Face, served_face

ANSWERED = (
    "/v1/Exports/Messages",
    "/v1/nothing",
    "/nothing",
    "/healthz",
    "/errors/20001",
    "/v1/Downloads/x",
    "/openapi.json",
    "/docs",
)


@pytest.mark.parametrize("path", ANSWERED)
@pytest.mark.compat(7)
def test_every_answer_has_an_id_and_says_how_long_it_took(face: Face, path: str) -> None:
    """A customer quotes the id, the operator finds the line."""
    first, second = httpx2.get(face.url + path), httpx2.get(face.url + path)
    for answer in (first, second):
        assert re.fullmatch(r"RQ[0-9a-f]{32}", answer.headers["twilio-request-id"])
        assert re.fullmatch(r"[0-9]+\.[0-9]{3}", answer.headers["twilio-request-duration"])
    assert first.headers["twilio-request-id"] != second.headers["twilio-request-id"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
@pytest.mark.parametrize(
    "path", [*ANSWERED, "/", "/operator", "/readyz", "/v1/Records/Messages", "/%zz", "/v1/Accounts"]
)
def test_no_answer_is_taken_for_something_else_than_it_says(face: Face, path: str, method: str) -> None:
    """A browser that guesses makes a page with scripts of a name in JSON, or of a file; it is told not to, once."""
    answer = httpx2.request(method, face.url + path)
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]


def test_a_file_is_not_taken_for_something_else_than_it_says(face: Face) -> None:
    """Nor its parts, nor the word that it did not change."""
    acme = face.account()
    face.publish(acme, "2026-11-01")
    with face.client(acme) as client:
        link = client.get("/v1/Exports/Messages/Days/2026-11-01").headers["location"]
    whole = httpx2.get(link)
    for headers, status in (
        ({}, 200),
        ({"Range": "bytes=0-3"}, 206),
        ({"If-None-Match": whole.headers["etag"]}, 304),
        ({"Range": "bytes=999-"}, 416),
    ):
        answer = httpx2.get(link, headers=headers)
        assert (answer.status_code, answer.headers.get_list("x-content-type-options")) == (status, ["nosniff"])


@pytest.mark.parametrize("path", ANSWERED)
@pytest.mark.compat(7)
def test_scripts_of_other_sites_may_use_the_api_and_nothing_else(face: Face, path: str) -> None:
    """With credentials that they hold themselves; the page for operators is nobody else's to read."""
    headers = httpx2.get(face.url + path, headers={"Origin": "https://example.com"}).headers
    assert headers.get("access-control-allow-origin") == (
        "*" if path.startswith("/v1/") or path == "/openapi.json" else None
    )


def test_a_browser_may_ask_first_without_credentials(face: Face) -> None:
    """A preflight never has any; refusing it would refuse every script."""
    asked = {
        "Origin": "https://example.com",
        "Access-Control-Request-Method": "DELETE",
        "Access-Control-Request-Headers": "authorization",
    }
    answer = httpx2.options(face.url + "/v1/Exports/Jobs/JS1", headers=asked)
    assert (answer.status_code, answer.content) == (204, b"")
    assert "DELETE" in answer.headers["access-control-allow-methods"]
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_script_may_read_what_a_download_needs(face: Face) -> None:
    """Without this list a browser hides them from it."""
    exposed = httpx2.get(face.url + "/v1/Downloads/x").headers["access-control-expose-headers"].split(", ")
    assert {"ETag", "Content-Range", "Content-Disposition", "Retry-After", "Twilio-Request-Id"} <= set(exposed)


def test_a_server_that_works_says_so(face: Face) -> None:
    """Alive and ready; and the question leaves nothing behind in the storage."""
    for path in ("/healthz", "/readyz"):
        answer = httpx2.get(face.url + path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert list(face.storage.scan("probes/")) == []


def test_a_server_whose_storage_is_full_is_alive_and_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A restart would not help, so it is not asked for; new work goes elsewhere."""

    def full(self: LocalStorage, key: str, chunks: object) -> int:
        raise StorageUnavailable("cannot write: the disk is full")

    monkeypatch.setattr(LocalStorage, "put", full)
    with served_face(tmp_path) as face:
        answer = httpx2.get(face.url + "/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, 20503)
        assert "the disk is full" in answer.json()["message"]
        assert httpx2.get(face.url + "/healthz").status_code == 200
        monkeypatch.undo()
        assert httpx2.get(face.url + "/readyz").status_code == 200
