"""The address that a request comes from, with and without a proxy that is trusted."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from tests.support.face import Face, served_face
from tests.support.recorded_log import recorded_log

HEALTH = "/healthz"
CLIENT, PROXY = "203.0.113.9", "127.0.0.1"


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Face]:
    """An instance that trusts the proxies on this machine."""
    with served_face(tmp_path_factory.mktemp("behind"), trusted_proxies="127.0.0.0/8") as behind:
        yield behind


def client_in_the_log(face: Face, headers: list[tuple[str, str]]) -> object:
    """Send a request with these headers; the address that its line in the log has."""
    with recorded_log() as log:
        return log.until(httpx2.get(face.url + HEALTH, headers=headers))[-1]["client"]


def test_the_log_has_the_address_of_whoever_asks(behind: Face) -> None:
    """Behind a proxy that is trusted, the one that it saw: an operator blocks a client, not the proxy."""
    assert client_in_the_log(behind, []) == PROXY
    assert client_in_the_log(behind, [("X-Forwarded-For", f"198.51.100.1, {CLIENT}")]) == CLIENT
    lines = [("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", f"{CLIENT}, 127.0.0.2")]
    assert client_in_the_log(behind, lines) == CLIENT


def test_without_trusted_proxies_what_is_forwarded_says_nothing(face: Face) -> None:
    """The header is text of the client, and the log must not name whom the client chooses."""
    with recorded_log() as log:
        line = log.until(httpx2.get(face.url + HEALTH, headers={"X-Forwarded-For": CLIENT}))[-1]
    assert line["client"] == PROXY
    assert CLIENT not in repr(line)


@pytest.mark.parametrize("name", ["Forwarded", "X-Real-IP", "X-Client-IP", "True-Client-IP", "Client-IP", "Via"])
def test_no_other_header_is_read(behind: Face, name: str) -> None:
    """A proxy sets one of them and passes the others on as the client sent them."""
    value = f"for={CLIENT}" if name == "Forwarded" else CLIENT
    assert client_in_the_log(behind, [(name, value), ("X-Forwarded-For", "198.51.100.1")]) == "198.51.100.1"


def test_a_request_that_is_refused_early_has_its_address_too(behind: Face) -> None:
    """Requests that no route has seen are the ones that somebody looks for."""
    with recorded_log() as log:
        for method, path in (("GET", "/%00"), ("OPTIONS", "/v1/Exports/Messages"), ("GET", "/nothing")):
            answer = httpx2.request(method, behind.url + path, headers={"X-Forwarded-For": CLIENT})
            assert log.until(answer)[-1]["client"] == CLIENT
