"""Links to files: what is one, how it may be spelled, and what it gives when it is none any more."""

from __future__ import annotations

import socket
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dayfile.api.remembered_files import REMEMBERED_FOR_SECONDS
from dayfile.store.sealed_days import SealedDays
from tests.support.face import Face, Login, served_face


@pytest.fixture(scope="module")
def good(face: Face) -> str:
    """A link to a day of an account."""
    acme = face.account()
    face.seal(acme, "2026-11-02", b'{"a":1}\n')
    face.publish(acme, "2026-11-02")
    return link(face, acme, "2026-11-02")


def link(face: Face, login: Login, day: str) -> str:
    """A fresh link to a day of an account."""
    with face.client(login) as client:
        return client.get(f"/v1/Exports/Messages/Days/{day}").headers["location"]


@given(data=st.data())
@settings(max_examples=100)
def test_a_link_with_any_bit_changed_gives_nothing(face: Face, good: str, data: st.DataObject) -> None:
    """Through the real server, with all that it decodes and tidies up on the way."""
    path = good.removeprefix(face.url + "/v1/Downloads/")
    at, bit = data.draw(st.integers(0, len(path) - 1)), data.draw(st.integers(0, 6))
    changed = path[:at] + chr(ord(path[at]) ^ 1 << bit) + path[at + 1 :]
    status = ask(face.url, f"/v1/Downloads/{changed}")
    # 400: no request at all, or a path that is none; 404: it leads elsewhere.
    assert status in {400, 403, 404}
    assert ask(face.url, f"/v1/Downloads/{path}") == 200


def ask(url: str, target: str) -> int:
    """The status of a request for exactly this target, as no HTTP client would let it through."""
    with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=10) as connection:
        connection.sendall(f"HEAD {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return int(connection.makefile("rb").readline().split()[1])


def test_an_expired_and_a_forged_link_get_different_plain_errors(tmp_path: Path) -> None:
    """One asks for a fresh link, the other for the right one; the first says where."""
    with served_face(tmp_path) as face:
        acme = face.account()
        face.publish(acme, "2026-11-01")
        given = link(face, acme, "2026-11-01")
        face.clock.pass_by(timedelta(hours=1) - timedelta(seconds=1))
        assert httpx2.get(given).status_code == 200
        face.clock.pass_by(timedelta(seconds=1))
        expired = httpx2.get(given)
        forged = httpx2.get(given[:-1] + ("0" if given[-1] != "0" else "1"))
        assert expired.status_code == forged.status_code == 403
        assert "expired at 2026-11-23T13:00:00Z" in expired.json()["message"]
        assert f"{face.url}/v1/Exports/Messages/Days/2026-11-01" in expired.json()["message"]
        assert "not a link that was given out here" in forged.json()["message"]


@pytest.mark.compat(30)
def test_no_link_outlives_its_day(tmp_path: Path) -> None:
    """A link given a minute before retention dies with the day."""
    with served_face(tmp_path) as face:
        acme = face.account()
        face.publish(acme, "2026-11-01")
        face.clock.pass_by(timedelta(days=7) - timedelta(minutes=1))
        last = link(face, acme, "2026-11-01")
        assert httpx2.get(last).status_code == 200
        face.clock.pass_by(timedelta(minutes=1))
        assert httpx2.get(last).status_code == 403


@pytest.mark.parametrize("whose", ["of somebody else", "ours, and another one"])
def test_a_restored_database_gives_no_other_file(face: Face, monkeypatch: pytest.MonkeyPatch, whose: str) -> None:
    """Numbers are given again after a restore: what a link names may be another account's day, or another revision."""
    acme = face.account()
    face.seal(acme, "2026-11-02", b"ours\n")
    face.publish(acme, "2026-11-02")
    ours = link(face, acme, "2026-11-02")
    other = face.seal(acme if whose.startswith("ours") else face.account(), "2026-11-02", b"secret\n")
    face.clock.pass_by(timedelta(seconds=REMEMBERED_FOR_SECONDS))  # a restore takes longer
    monkeypatch.setattr(SealedDays, "get", lambda _, __: other)
    answer = httpx2.get(ours)
    assert answer.status_code == 404
    assert "fetch Messages of 2026-11-02 again" in answer.json()["message"]


@pytest.mark.compat(76)
def test_a_link_may_be_spelled_as_clients_spell_it(face: Face, good: str) -> None:
    """Ruby sorts the parameters of an address that it follows, Go encodes them again, others escape too much."""
    address, _, query = good.removeprefix(face.url).partition("?")
    pairs = query.split("&")
    for target in (
        f"{address}?{'&'.join(sorted(pairs))}",
        f"{address}?{'&'.join(reversed(pairs))}",
        f"{address.replace('=', '%3D')}?{query}",
        f"{address.replace('=', '%3d').replace('Messages', '%4Dessages')}?{query.replace('1', '%31')}",
        f"{address}?{query.replace('Expires', '%45xpires')}",
    ):
        assert ask(face.url, target) == 200, target
    for target in (
        f"{address}?{query}&",
        f"{address}?{query}&x=1",
        f"{address}?{query}&{pairs[0]}",
        f"{address}?{'&'.join(pairs[1:])}",
        f"{address}?{query.replace('&', ';')}",
        f"{address.replace('=', '%253D')}?{query}",
        address,
    ):
        assert ask(face.url, target) == 403, target
