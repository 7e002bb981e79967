"""Downloads of objects that are not what was sealed: no complete wrong file, and the operator learns of it."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from dayfile.files.checked_read import HASHED_FIRST_BYTES
from dayfile.files.storage import BLOCK_BYTES
from dayfile.model.export import SealedDay
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction
from tests.support.face import Face, Login, served_face
from tests.support.recorded_log import RecordedLog, recorded_log

SMALL = b'{"a":1}\n' * 1000
DAY = "2026-11-01"

Break = Callable[[bytes], bytes | None]


def flipped(content: bytes) -> bytes:
    """Return it with one byte changed, in its middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def flipped_at_its_end(content: bytes) -> bytes:
    """Return it with its last byte changed."""
    return content[:-1] + bytes([content[-1] ^ 1])


def cut(content: bytes) -> bytes:
    """Return it without its end."""
    return content[:-1]


def grown(content: bytes) -> bytes:
    """Return it with something behind its end."""
    return content + b"\0"


def gone(_content: bytes) -> None:
    """Return that there is nothing."""
    return


BREAKS: tuple[Break, ...] = (flipped, flipped_at_its_end, cut, grown, gone)


@pytest.fixture
def face(tmp_path: Path) -> Iterator[Face]:
    """An instance of its own: its objects are damaged."""
    with served_face(tmp_path) as face:
        yield face


@pytest.fixture
def acme(face: Face) -> Login:
    """An account."""
    return face.account()


def broken(face: Face, sealed: SealedDay, how: Break) -> bytes:
    """Damage the object of a sealed day; what it was."""
    path = face.storage.path(sealed.key)
    assert path is not None
    whole = path.read_bytes()
    path.chmod(0o600)
    content = how(whole)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    return whole


@cache
def a_large_text() -> bytes:
    """Return what makes a file larger than what is hashed before its first byte is sent, by more than a block."""
    return hashlib.shake_256(b"").digest(HASHED_FIRST_BYTES + 2 * BLOCK_BYTES)


def link(face: Face, login: Login, day: str = DAY) -> str:
    """Return a fresh link to a day of an account."""
    with face.client(login) as client:
        return client.get(f"/v1/Exports/Messages/Days/{day}").headers["location"]


def get(url: str, method: str = "GET", **headers: str) -> httpx2.Response:
    """Return what a link gives."""
    return httpx2.request(method, url, headers={name.replace("_", "-"): value for name, value in headers.items()})


def transferred(url: str) -> bytes:
    """Return what arrives of a file before its transfer is broken off."""
    arrived = b""
    with httpx2.stream("GET", url) as answer:
        assert answer.status_code == 200
        try:
            for block in answer.iter_raw():
                arrived += block
        except httpx2.RemoteProtocolError:
            return arrived
    pytest.fail("the transfer came to its end")


def next_damage(log: RecordedLog) -> tuple[str, str, str, str]:
    """Return what the next line about a found damage names."""
    line = log.next("damage.found")
    assert line["level"] == "error"
    assert line["reason"]
    return line["object"], line["account"], line["resource_type"], line["day"]


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.parametrize("asked", ["whole", "part", "head"])
def test_nothing_of_a_damaged_small_file_is_sent(face: Face, acme: Login, how: Break, asked: str) -> None:
    """A wrong byte that arrives under a good status is kept by somebody as evidence."""
    sealed = face.seal(acme, DAY, SMALL)
    face.publish(acme, DAY)
    url = link(face, acme)
    broken(face, sealed, how)
    with recorded_log() as log:
        method, headers = {"whole": ("GET", {}), "part": ("GET", {"range": "bytes=0-3"}), "head": ("HEAD", {})}[asked]
        answer = get(url, method, **headers)
        assert answer.status_code == 500
        assert next_damage(log) == (sealed.key, acme.sid, "Messages", DAY)
    if method == "GET":
        assert answer.json()["code"] == 20510
        assert "Messages of 2026-11-01 is damaged" in answer.json()["message"]
        assert "etag" not in answer.headers


@pytest.mark.parametrize("how", BREAKS)
def test_damage_that_a_download_meets_is_recorded(face: Face, acme: Login, how: Break) -> None:
    """Damage that nobody writes down is found by the next customer."""
    sealed = face.seal(acme, DAY, SMALL)
    face.publish(acme, DAY)
    broken(face, sealed, how)
    url = link(face, acme)
    with recorded_log() as log:
        assert get(url).status_code == 500
        log.next("damage.found")
        again = get(url)
        assert again.status_code == 500
        # Once found it is said once: who asks again and again does not fill the log.
        assert [line["event"] for line in log.until(again)].count("damage.found") == 0
    with face.database.snapshot() as tx:
        [damage] = tx.damages.page(limit=10)
    assert (damage.key, damage.account, str(damage.day)) == (sealed.key, acme.sid, DAY)


def test_a_file_that_is_restored_is_sent_again(face: Face, acme: Login) -> None:
    """The operator puts the bytes back, and customers need not wait for anybody to say so."""
    sealed = face.seal(acme, DAY, SMALL)
    face.publish(acme, DAY)
    whole = broken(face, sealed, flipped)
    assert get(link(face, acme)).status_code == 500
    path = face.storage.path(sealed.key)
    assert path is not None
    path.write_bytes(whole)
    assert gzip.decompress(get(link(face, acme)).content) == SMALL


def test_who_has_the_file_is_told_so_even_if_ours_is_damaged(face: Face, acme: Login) -> None:
    """Its own hash proves what the client has; any other client gets an error and no byte."""
    sealed = face.seal(acme, DAY, SMALL)
    face.publish(acme, DAY)
    broken(face, sealed, flipped)
    assert get(link(face, acme), if_none_match=f'"{sealed.sha256}"').status_code == 304
    assert get(link(face, acme), if_none_match='"other"').status_code == 500


def test_files_of_two_accounts_that_were_swapped_are_given_to_nobody(face: Face, acme: Login) -> None:
    """Of the same size, and whole gzip: only the hash tells, and what is at stake is the records of somebody else."""
    other = face.account()
    ours, theirs = face.seal(acme, DAY, b'{"a":1}\n'), face.seal(other, DAY, b'{"b":2}\n')
    assert ours.size_bytes == theirs.size_bytes
    for account in (acme, other):
        face.publish(account, DAY)
    foreign = (face.storage.root / theirs.key).read_bytes()
    whole = broken(face, ours, lambda _: foreign)
    broken(face, theirs, lambda _: whole)
    assert [get(link(face, account)).status_code for account in (acme, other)] == [500, 500]


def sealed_before_fast_digests(face: Face) -> None:
    """Make every row that there is one that has no fast digest."""
    with face.database.exclusively() as connection:
        connection.exec_driver_sql("UPDATE sealed_day SET xxh3 = NULL")


@pytest.mark.parametrize("how", [flipped, flipped_at_its_end])
@pytest.mark.parametrize("is_old", [False, True])
def test_the_last_of_a_damaged_large_file_is_not_sent(face: Face, acme: Login, how: Break, *, is_old: bool) -> None:
    """It cannot be hashed before its first byte is sent; the client must see that something is missing."""
    sealed = face.seal(acme, DAY, a_large_text())
    assert sealed.xxh3
    if is_old:
        sealed_before_fast_digests(face)
    assert sealed.size_bytes > HASHED_FIRST_BYTES + BLOCK_BYTES
    face.publish(acme, DAY)
    url = link(face, acme)
    broken(face, sealed, how)
    with recorded_log() as log:
        arrived = transferred(url)
        assert 0 < len(arrived) < sealed.size_bytes
        assert next_damage(log) == (sealed.key, acme.sid, "Messages", DAY)
        line = log.line_about(urlsplit(url).path)
        assert (line["outcome"], line["level"]) == ("cut off", "error")


def test_a_large_file_that_is_known_to_be_damaged_is_not_given_in_parts(face: Face, acme: Login) -> None:
    """A client that resumed the transfer would have a complete file, and a wrong one."""
    sealed = face.seal(acme, DAY, a_large_text())
    face.publish(acme, DAY)
    url = link(face, acme)
    whole = broken(face, sealed, flipped)
    arrived = transferred(url)
    for headers in ({"range": f"bytes={len(arrived)}-"}, {"range": "bytes=0-9"}, {}):
        assert get(url, **headers).status_code == 500
    assert get(url, "HEAD").status_code == 500
    broken(face, sealed, lambda _: whole)
    assert arrived[: BLOCK_BYTES // 4] == whole[: BLOCK_BYTES // 4]
    assert get(url, range=f"bytes={len(arrived)}-").content == whole[len(arrived) :]


@pytest.mark.parametrize("how", [cut, grown, gone])
def test_a_large_file_of_another_size_is_not_begun(face: Face, acme: Login, how: Break) -> None:
    """The size is known at no cost, whatever is asked for."""
    sealed = face.seal(acme, DAY, a_large_text())
    face.publish(acme, DAY)
    url = link(face, acme)
    broken(face, sealed, how)
    assert get(url, "HEAD").status_code == 500
    for headers in ({"range": "bytes=0-9"}, {}):
        with face.database.transaction() as tx:
            tx.damages.forget_objects([sealed.key])  # so that it is the size that tells
        assert get(url, **headers).status_code == 500


@pytest.mark.parametrize("is_old", [False, True])
def test_a_large_file_is_sent_whole_and_in_parts(face: Face, acme: Login, *, is_old: bool) -> None:
    """A check must not break what it checks."""
    sealed = face.seal(acme, DAY, a_large_text())
    if is_old:
        sealed_before_fast_digests(face)
    face.publish(acme, DAY)
    url = link(face, acme)
    whole = get(url).content
    assert hashlib.sha256(whole).hexdigest() == sealed.sha256
    assert get(url, range="bytes=7-").content == whole[7:]
    assert get(url, range="bytes=5-9").content == whole[5:10]


@pytest.mark.parametrize("how", BREAKS)
def test_nothing_of_a_damaged_file_with_a_fast_digest_is_sent(face: Face, acme: Login, how: Break) -> None:
    """One of some blocks of text is read whole before it is sent."""
    sealed = face.seal(acme, DAY, hashlib.shake_256(b"").digest(2 * BLOCK_BYTES))
    assert sealed.xxh3
    assert sealed.size_bytes <= HASHED_FIRST_BYTES
    face.publish(acme, DAY)
    url = link(face, acme)
    broken(face, sealed, how)
    assert get(url).status_code == 500


@pytest.mark.parametrize("path", ["", "/Manifest"])
def test_a_row_that_names_the_file_of_another_account_gives_nothing_of_it(face: Face, acme: Login, path: str) -> None:
    """Not even its size and hash: they are somebody else's."""
    other = face.account()
    face.seal(acme, DAY, SMALL)
    foreign = face.seal(other, DAY, b"{}\n")
    face.publish(acme, DAY)
    with face.database.exclusively() as connection:
        connection.exec_driver_sql("UPDATE day_file SET sealed_day_id = ?", (foreign.id,))
    with face.client(acme) as client:
        answer = client.get(f"/v1/Exports/Messages/Days/{DAY}{path}")
    assert (answer.status_code, answer.json()["code"]) == (500, 20510)
    assert foreign.sha256 not in answer.text


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_damage_is_recorded_where_nobody_waits_for_it(
    face: Face, acme: Login, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit waits for the one writer of SQLite, and the event loop would hold up everybody meanwhile."""
    in_loop: list[bool] = []
    transaction = Database.transaction

    def watched(self: Database, *, durable: bool = True) -> AbstractContextManager[Transaction]:
        in_loop.append(is_in_event_loop())
        return transaction(self, durable=durable)

    sealed = face.seal(acme, DAY, SMALL)
    face.publish(acme, DAY)
    url = link(face, acme)
    broken(face, sealed, flipped)
    monkeypatch.setattr(Database, "transaction", watched)
    with recorded_log() as log:
        assert get(url, method).status_code == 500
        assert next_damage(log) == (sealed.key, acme.sid, "Messages", DAY)
    assert in_loop == [False]


def is_in_event_loop() -> bool:
    """Return True if the caller holds up an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
