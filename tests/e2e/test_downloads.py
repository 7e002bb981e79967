from __future__ import annotations

import gzip
import hashlib
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dayfile.api.memory_room import MemoryRoom
from dayfile.api.remembered_files import REMEMBERED_FOR_SECONDS
from dayfile.errors import StorageUnavailable
from dayfile.files import checked_read
from dayfile.files.checked_read import HASHED_FIRST_BYTES
from dayfile.files.reused_blocks import read_reused
from dayfile.files.storage import Bytes, LocalStorage, Storage
from dayfile.store.database import Database
from tests.support.face import Face, Login, served_face
from tests.support.recorded_log import recorded_log

# More than the blocks that a storage reads at once, and nothing that gzip could make smaller.
TEXT = b"".join(hashlib.sha256(b"%d" % n).hexdigest().encode() + b"\n" for n in range(60_000))


@pytest.fixture(scope="module")
def acme(small_files: None, face: Face) -> Login:
    """An account with one large day, one small and one without records."""
    acme = face.account()
    face.seal(acme, "2026-11-01", TEXT)
    face.seal(acme, "2026-11-02", b'{"a":1}\n')
    face.publish(acme, "2026-11-01", "2026-11-03")
    return acme


@pytest.fixture(scope="module")
def large(face: Face, acme: Login) -> str:
    """A link to the large day."""
    return link(face, acme, "2026-11-01")


@pytest.fixture(scope="module")
def whole(large: str) -> bytes:
    """All of its file."""
    return get(large).content


def link(face: Face, login: Login, day: str) -> str:
    """A fresh link to a day of an account."""
    with face.client(login) as client:
        return client.get(f"/v1/Exports/Messages/Days/{day}").headers["location"]


def get(url: str, **headers: str) -> httpx2.Response:
    """Return the answer to a link, byte for byte."""
    return httpx2.get(url, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.compat(32)
def test_a_link_gives_the_file_as_it_was_sealed(face: Face, acme: Login, large: str) -> None:
    """The bytes whose hash is in the manifest, and headers that let a client check and name them."""
    answer = get(large)
    with face.client(acme) as client:
        manifest = client.get("/v1/Exports/Messages/Days/2026-11-01/Manifest").json()
    assert answer.status_code == 200
    assert gzip.decompress(answer.content) == TEXT
    assert hashlib.sha256(answer.content).hexdigest() == manifest["sha256"]
    assert answer.headers["etag"] == f'"{manifest["sha256"]}"'
    assert answer.headers["content-length"] == str(manifest["size_bytes"])
    assert answer.headers["content-type"] == "application/gzip"
    assert "content-encoding" not in answer.headers  # a client would unpack it on the way
    assert (
        answer.headers["content-disposition"]
        == f'attachment; filename="{manifest["account_sid"]}-Messages-2026-11-01.json.gz"'
    )
    assert answer.headers["accept-ranges"] == "bytes"
    assert "private" in answer.headers["cache-control"]


@pytest.mark.compat(31)
def test_a_link_needs_no_credentials_and_ignores_any(large: str, whole: bytes) -> None:
    """A redirected curl sends on what it was given for the API; a link of S3 would refuse that."""
    for authorization in ("Basic bm9ib2R5Om5vdGhpbmc=", "Bearer x", "nonsense"):
        assert get(large, authorization=authorization).content == whole


@pytest.mark.compat(30)
def test_a_link_works_any_number_of_times(large: str, whole: bytes) -> None:
    """Twilio's work once; a download that failed must be worth another try."""
    assert get(large).content == get(large).content == whole


def test_the_head_says_what_the_file_would(large: str, whole: bytes) -> None:
    """A downloader plans by it."""
    head, answer = httpx2.head(large), get(large)
    own = {"date", "twilio-request-id", "twilio-request-duration"}
    assert {k: v for k, v in head.headers.items() if k not in own} == {
        k: v for k, v in answer.headers.items() if k not in own
    }
    assert (head.status_code, head.content) == (200, b"")
    # A head has no range: RFC 9110 knows it for GET only.
    assert httpx2.head(large, headers={"Range": "bytes=0-9"}).headers["content-length"] == str(len(whole))


@given(data=st.data())
@settings(max_examples=25)
def test_any_part_of_a_file_can_be_asked_for(large: str, whole: bytes, data: st.DataObject) -> None:
    """A download that broke off goes on where it stopped, wherever that was."""
    first = data.draw(st.integers(0, len(whole) - 1))
    last = data.draw(st.integers(first, len(whole) + 10))
    answer = get(large, range=f"bytes={first}-{last}")
    assert answer.status_code == 206
    assert answer.content == whole[first : last + 1]
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(answer.content) - 1}/{len(whole)}"


def test_the_rest_and_the_end_can_be_asked_for(large: str, whole: bytes) -> None:
    """`bytes=N-` is how wget and curl go on."""
    assert get(large, range=f"bytes={len(whole) - 7}-").content == whole[-7:]
    assert get(large, range="bytes=-5").content == whole[-5:]


def test_a_part_beyond_the_end_says_how_long_the_file_is(large: str, whole: bytes) -> None:
    """A client that has everything already asks for nothing more, and must learn that it is all."""
    answer = get(large, range=f"bytes={len(whole)}-")
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(whole)}"


def test_a_part_of_another_file_is_not_continued(large: str, whole: bytes) -> None:
    """Halves of two revisions would make a file that was never sealed."""
    etag = get(large, range="bytes=0-0").headers["etag"]
    assert get(large, range="bytes=1-", if_range=etag).status_code == 206
    other = get(large, range="bytes=1-", if_range='"other"')
    assert (other.status_code, other.content) == (200, whole)


def test_several_parts_at_once_give_the_whole(large: str, whole: bytes) -> None:
    """No downloader needs them; the whole is always a right answer."""
    answer = get(large, range="bytes=0-1,5-6")
    assert (answer.status_code, answer.content) == (200, whole)


def test_who_has_the_file_is_not_sent_it_again(large: str) -> None:
    """A nightly script may ask for every day and pay for the new ones only."""
    etag = httpx2.head(large).headers["etag"]
    answer = get(large, if_none_match=f'"other", W/{etag}')
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)


@pytest.mark.compat(33)
def test_a_day_without_records_gives_a_gzip_of_nothing(face: Face, acme: Login) -> None:
    """One that every tool can unpack, and the same bytes for everybody."""
    answer = get(link(face, acme, "2026-11-03"))
    assert gzip.decompress(answer.content) == b""
    assert answer.headers["content-length"] == str(len(answer.content)) == "20"
    with face.client(acme) as client:
        manifest = client.get("/v1/Exports/Messages/Days/2026-11-03/Manifest").json()
    assert manifest["sha256"] == hashlib.sha256(answer.content).hexdigest()
    assert get(link(face, acme, "2026-11-03"), range="bytes=-4").content == answer.content[-4:]


@pytest.mark.compat(37)
def test_a_link_goes_on_giving_the_revision_that_it_was_given_for(tmp_path: Path) -> None:
    """A day exported again gets a new link; who downloads the old one must not get half of each."""
    with served_face(tmp_path) as face:
        acme = face.account()
        face.seal(acme, "2026-11-01", b"old\n")
        face.publish(acme, "2026-11-01")
        old = link(face, acme, "2026-11-01")
        face.seal(acme, "2026-11-01", b"new\n")
        face.publish(acme, "2026-11-01")
        new = link(face, acme, "2026-11-01")
        assert gzip.decompress(get(old).content) == b"old\n"
        assert gzip.decompress(get(new).content) == b"new\n"


def test_a_client_that_goes_away_costs_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Downloads are broken off all day; each must give back its file and its thread, and end its line in the log."""
    closed = threading.Event()

    def watched(storage: Storage, key: str, *, start: int, stop: int) -> Iterator[Bytes]:
        try:
            yield from read_reused(storage, key, start=start, stop=stop)
        finally:
            closed.set()

    monkeypatch.setattr(checked_read, "read_reused", watched)
    with served_face(tmp_path) as face, recorded_log() as log:
        acme = face.account()
        sealed = face.seal(acme, "2026-11-01", hashlib.shake_256(b"").digest(24_000_000))
        face.publish(acme, "2026-11-01")
        target = link(face, acme, "2026-11-01").removeprefix(face.url)
        with socket.create_connection((urlsplit(face.url).hostname, urlsplit(face.url).port)) as connection:
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert connection.recv(12) == b"HTTP/1.1 200"
        assert closed.wait(10)
        line = log.line_about(target.partition("?")[0])
        assert line["outcome"] == "client gone"
        assert line["sent_bytes"] < sealed.size_bytes
        assert httpx2.get(face.url + "/healthz").status_code == 200


def _failing(_: Storage, key: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    yield b"half"
    raise StorageUnavailable("the disk went away")


def _no_room(self: MemoryRoom, size: int) -> bool:
    return False


def test_a_file_that_ends_early_is_cut_off_and_not_finished(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the headers only the connection can say that something is missing; half a file must not look whole."""
    acme = face.account()
    face.seal(acme, "2026-11-01", hashlib.shake_256(b"").digest(HASHED_FIRST_BYTES + 1))
    face.publish(acme, "2026-11-01")
    larger = link(face, acme, "2026-11-01")
    monkeypatch.setattr(checked_read, "read_reused", _failing)
    with recorded_log() as log:
        with pytest.raises(httpx2.RemoteProtocolError):
            get(larger)
        line = log.line_about(urlsplit(larger).path)
    assert (line["level"], line["outcome"], line["status"]) == ("error", "cut off", 200)


def test_a_file_that_fits_in_memory_is_read_before_it_is_answered(large: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be read is an error that says so, instead of a download that breaks off."""
    monkeypatch.setattr(LocalStorage, "read", _failing)
    assert get(large).status_code == 503


def test_without_memory_to_read_ahead_a_file_is_read_as_it_is_taken(
    large: str, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slow clients could take all memory, so there is a bound: what is beyond it costs time, not bytes."""
    monkeypatch.setattr(MemoryRoom, "take", _no_room)
    assert get(large).content == whole
    assert get(large, Range="bytes=1-4").content == whole[1:5]


def test_memory_is_given_back_however_a_download_ends(
    face: Face, large: str, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each download that kept some would make the later ones slower."""
    taken: list[int] = []
    given_back = threading.Semaphore(0)
    take, give_back = MemoryRoom.take, MemoryRoom.give_back

    def taking(room: MemoryRoom, size: int) -> bool:
        taken.append(size)
        return take(room, size)

    def giving_back(room: MemoryRoom, size: int) -> None:
        taken.append(-size)
        give_back(room, size)
        given_back.release()

    monkeypatch.setattr(MemoryRoom, "take", taking)
    monkeypatch.setattr(MemoryRoom, "give_back", giving_back)
    assert get(large).content == whole
    with socket.create_connection((urlsplit(face.url).hostname, urlsplit(face.url).port)) as connection:
        connection.sendall(f"GET {large.removeprefix(face.url)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 200"
    monkeypatch.setattr(LocalStorage, "read", _failing)
    assert get(large).status_code == 503
    assert all(given_back.acquire(timeout=30) for _ in range(3))
    assert len(taken) == 6
    assert sum(taken) == 0


def test_a_link_that_was_just_given_is_followed_without_the_database(
    face: Face, acme: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most links are followed at once, and what they lead to has just been looked up."""
    target = link(face, acme, "2026-11-02")
    with monkeypatch.context() as patched:
        patched.setattr(Database, "snapshot", _none)
        assert gzip.decompress(get(target).content) == b'{"a":1}\n'
        face.clock.pass_by(timedelta(seconds=REMEMBERED_FOR_SECONDS))
        assert get(target).status_code == 500
    assert get(target).status_code == 200


@pytest.mark.parametrize("small_files", ["packed"], indirect=True)
def test_a_link_that_was_just_given_leads_to_where_its_file_has_moved_since(face: Face, small_files: None) -> None:
    """A pack that was rewritten is swept, while somebody still remembers it."""
    acme = face.account()
    sealed = face.seal(acme, "2026-11-01", b'{"a":1}\n')
    face.publish(acme, "2026-11-01")
    target = link(face, acme, "2026-11-01")
    pack = sealed.place
    assert pack.is_packed
    whole = (face.storage.root / pack.object_key).read_bytes()
    face.storage.put(f"{pack.object_key}-moved", [whole])
    with face.database.exclusively() as connection:
        connection.exec_driver_sql("UPDATE pack SET object_key = object_key || '-moved' WHERE id = ?", (pack.pack_id,))
    face.storage.delete([pack.object_key])
    assert gzip.decompress(get(target).content) == b'{"a":1}\n'
    with face.database.snapshot() as tx:
        assert tx.damages.find(sealed.key) is None


def test_a_link_that_was_just_given_to_a_file_that_was_forgotten_since_leads_nowhere(face: Face, acme: Login) -> None:
    """It is no damage that what retention has removed is not there."""
    sealed = face.seal(acme, "2026-11-04", b'{"a":1}\n')
    face.publish(acme, "2026-11-04")
    target = link(face, acme, "2026-11-04")
    with face.database.exclusively() as connection:
        connection.exec_driver_sql("DELETE FROM day_file WHERE sealed_day_id = ?", (sealed.id,))
        connection.exec_driver_sql("DELETE FROM sealed_day WHERE id = ?", (sealed.id,))
    face.storage.delete([sealed.place.object_key])
    assert get(target).status_code == 404


def _none(_: Database) -> NoReturn:
    raise AssertionError("the database is asked")
