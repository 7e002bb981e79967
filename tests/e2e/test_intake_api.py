"""Records sent over HTTP to the real service: receipts, refusals, and bodies of every kind, whole and broken."""

from __future__ import annotations

import gzip
import io
import socket
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dayfile.api import incoming, records
from dayfile.files import zstd
from dayfile.intake.idempotency import IdempotencyKey, IdempotencyKeys
from dayfile.model.credential import Scope
from tests.support.intake_server import DAY, MAX_BODY_BYTES, PATH, Server, SlowRequest, served
from tests.support.records import Sent, body_of
from tests.support.state import a_sid


@pytest.fixture
def acme(server: Server) -> str:
    """An account that nobody else uses."""
    return server.new_account()


def _messages(account: str, *bodies: str) -> list[Sent]:
    return [
        Sent(account=account, name=body, created=f"{DAY}T10:00:00Z", updated=f"{DAY}T10:00:00Z", body=body)
        for body in bodies
    ]


def test_a_batch_is_answered_with_its_receipt(server: Server, acme: str) -> None:
    """Exactly these members: senders bind them."""
    answer = server.post(body_of(_messages(acme, "a", "b")) + b"nonsense\n")
    body = answer.json()
    assert answer.status_code == 200
    assert list(body) == ["sid", "accepted", "rejected", "rejections"]
    assert (body["accepted"], body["rejected"]) == (2, 1)
    assert [list(rejection) for rejection in body["rejections"]] == [["line", "field", "reason"]]
    assert (body["rejections"][0]["line"], body["rejections"][0]["field"]) == (3, None)
    assert server.waiting(acme) == ["a", "b"]


@pytest.mark.parametrize("encoding", ["", "gzip", "GZIP", "x-gzip", "zstd", "ZSTD", "identity"])
@pytest.mark.parametrize("form", ["rows", "array"])
def test_bodies_are_taken_in_every_form(server: Server, acme: str, encoding: str, form: str) -> None:
    """A platform sends the form that it has at hand."""
    sent = _messages(acme, "a", "b")
    body = body_of(sent) if form == "rows" else b"[" + b",".join(one.line() for one in sent) + b"]"
    packed = body
    if "gzip" in encoding.lower():
        packed = gzip.compress(body)
    if encoding.lower() == "zstd":
        packed = zstd.compress(body)
    headers = {"Content_Encoding": encoding} if encoding else {}
    assert server.post(packed, **headers).json()["accepted"] == 2
    assert server.waiting(acme) == ["a", "b"]


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "application/json", "application/octet-stream"])
def test_a_batch_is_what_its_bytes_are(server: Server, acme: str, kind: str) -> None:
    """Curl and urllib say of everything that it is a form."""
    assert server.post(body_of(_messages(acme, "a")), Content_Type=kind).json()["accepted"] == 1


def test_a_batch_of_which_nothing_is_accepted_is_a_bad_request(server: Server) -> None:
    """A sender that only looks at the status must notice; the body is the same as ever."""
    answer = server.post(b"nonsense\n")
    assert answer.status_code == 400
    assert (answer.json()["accepted"], answer.json()["rejected"]) == (0, 1)


def test_an_empty_body_is_fine(server: Server) -> None:
    """A platform that has nothing to send need not take care not to."""
    answer = server.post(b"")
    assert (answer.status_code, answer.json()["accepted"]) == (200, 0)


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        ({"Content_Encoding": "br"}, "gzip or zstd"),
        ({"Content_Encoding": "zstd"}, "zstd"),
        ({"Content_Encoding": "gzip"}, "gzip"),
        ({"Idempotency_Key": "two words"}, "Idempotency-Key"),
        ({"Idempotency_Key": "k" * 256}, "Idempotency-Key"),
        ({"Idempotency_Key": ""}, "Idempotency-Key"),
        ({"Content_Type": "text/plain"}, "application/x-ndjson"),
        ({"Content_Type": "TEXT/plain ; charset=UTF-8"}, "application/x-ndjson"),
        ({"Content_Type": "multipart/form-data; boundary=x"}, "application/x-ndjson"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_what_to_do(server: Server, headers: dict[str, str], word: str) -> None:
    """Every refusal names the thing and the rule, in the one shape of errors."""
    answer = server.post(b"{}\n", **headers)
    assert (answer.status_code, answer.json()["code"]) == (400, 20001)
    assert word in answer.json()["message"]


@pytest.mark.parametrize("key", [None, "once"])
def test_a_file_of_another_kind_leaves_nothing_behind(server: Server, acme: str, key: str | None) -> None:
    """Not one rejection, whatever it has between its newlines; and its key is free for the lines."""
    lines = body_of(_messages(acme, "a", "b"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("messages.jsonl", lines * 50)
    headers = {} if key is None else {"Idempotency_Key": key}
    with server.service.database.snapshot() as tx:
        before = tx.rejections.newest()
    answer = server.post(packed.getvalue(), **headers)
    assert (answer.status_code, answer.json()["code"]) == (400, 20001)
    assert "is a zip file" in answer.json()["message"]
    with server.service.database.snapshot() as tx:
        assert tx.rejections.newest() == before
    assert server.post(lines, **headers).json()["accepted"] == 2


def test_a_resource_type_that_does_not_exist_is_not_found(server: Server) -> None:
    """The message names those that do."""
    answer = server.post(b"{}\n", path="/v1/Records/Faxes")
    assert (answer.status_code, answer.json()["code"]) == (404, 20404)
    assert "Messages" in answer.json()["message"]


def test_only_the_operator_writes(server: Server, acme: str) -> None:
    """Customers export their records; they do not make them."""
    body = body_of(_messages(acme, "a"))
    assert server.client.post(PATH, content=body).status_code == 401
    assert server.client.post(PATH, content=body, auth=server.account).status_code == 403
    large = b" " * (1 << 20)
    assert server.client.post(PATH, content=large, auth=("SK" + "0" * 32, "x")).status_code == 401
    assert server.waiting(acme) == []


def test_accounts_write_for_themselves_where_they_may(tmp_path: Path) -> None:
    """The setting of a demo, or of an operator whose customers log directly."""
    with served(tmp_path, accounts_may_write=True) as server:
        own, other = server.account[0], server.new_account()
        body = body_of([*_messages(own, "mine"), *_messages(other, "not mine")])
        answer = server.client.post(PATH, content=body, auth=server.account)
        assert (answer.json()["accepted"], answer.json()["rejected"]) == (1, 1)
        assert (server.waiting(own), server.waiting(other)) == (["mine"], [])


def test_the_same_request_gets_the_same_receipt(server: Server, acme: str) -> None:
    """Same key and body: the same answer to the letter. Same key and another body: a conflict."""
    body = body_of(_messages(acme, "a")) + b"nonsense\n"
    first, again = (server.post(body, Idempotency_Key="batch-1") for _ in range(2))
    assert first.content == again.content
    assert server.post(body + b"\nmore", Idempotency_Key="batch-1").status_code == 409
    assert server.waiting(acme) == ["a"]


def test_a_request_in_flight_is_not_begun_twice(server: Server, acme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sender is told to ask again, with the time to wait in the header."""
    begun = threading.Event()
    begin = IdempotencyKeys.begin

    def noticed(repeats: IdempotencyKeys, key: IdempotencyKey) -> None:
        begin(repeats, key)
        begun.set()

    monkeypatch.setattr(IdempotencyKeys, "begin", noticed)
    monkeypatch.setattr(incoming, "START_BYTES", 10)
    monkeypatch.setattr(records, "READ_WHOLE_BYTES", 10)
    body = body_of(_messages(acme, "a", "b"))
    slow = SlowRequest(server, length=len(body), key="slow")
    slow.socket.sendall(body[:100])
    assert begun.wait(60)
    answer = server.post(body, Idempotency_Key="slow")
    assert answer.status_code == 409
    assert int(answer.headers["Retry-After"]) >= 1
    slow.socket.sendall(body[100:])
    assert " 200 " in slow.finish()
    assert server.post(body, Idempotency_Key="slow").json()["accepted"] == 2
    assert server.waiting(acme) == ["a", "b"]


def test_a_body_that_is_cut_off_leaves_nothing(server: Server, acme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform that dies in the middle sends all of it again: half of it must not be there, small or large."""
    body = body_of(_messages(acme, "a", "b"))
    for start, read_whole in ((incoming.START_BYTES, 0), (10, records.READ_WHOLE_BYTES), (10, 10)):
        monkeypatch.setattr(incoming, "START_BYTES", start)
        monkeypatch.setattr(records, "READ_WHOLE_BYTES", read_whole)
        slow = SlowRequest(server, length=len(body), key=f"cut-{read_whole}")
        slow.socket.sendall(body[:-10])
        slow.socket.close()
        while (line := server.log.line_about(PATH))["outcome"] == "answered":
            pass
        assert line["outcome"] == "client gone"
        assert server.waiting(acme) == []
    assert server.post(body, Idempotency_Key="cut-10").json()["accepted"] == 2


def test_a_large_body_is_streamed(server: Server, acme: str) -> None:
    """With and without a length in advance; every line of it arrives, in order."""
    sent = _messages(acme, *(f"{n} {'.' * 4000}" for n in range(2200)))
    body = body_of(sent)
    assert len(body) > records.READ_WHOLE_BYTES
    assert server.post(body).json()["accepted"] == 2200
    assert server.post(body[start : start + 100_000] for start in range(0, len(body), 100_000)).status_code == 200
    assert [int(text.split()[0]) for text in server.waiting(acme)] == [*range(2200), *range(2200)]


def test_a_body_over_the_limit_is_too_large(server: Server, acme: str) -> None:
    """A plain one is refused by its announced length, a compressed one when it has grown too large."""
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {MAX_BODY_BYTES + 1}\r\n\r\n".encode())
        with connection.makefile("rb") as announced:
            assert b" 413 " in announced.readline()
    bomb = gzip.compress(b"\n" * (MAX_BODY_BYTES + 1))
    answer = server.post(bomb, Content_Encoding="gzip")
    assert (answer.status_code, answer.json()["code"]) == (413, 20413)
    assert str(MAX_BODY_BYTES) in answer.json()["message"]


def test_more_than_fits_in_memory_is_asked_to_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes everything at once dies, and then it takes nothing. Small bodies are taken all the same."""
    monkeypatch.setattr(records, "HELD_BYTES_LIMIT", 50_000)
    with served(tmp_path) as server:
        account = server.new_account()
        answer = server.post(body_of(_messages(account, "x" * 60_000)))
        assert (answer.status_code, answer.json()["code"]) == (429, 20429)
        assert int(answer.headers["Retry-After"]) >= 1
        assert server.post(body_of(_messages(account, "y" * 40_000))).status_code == 200
        assert server.post(body_of(_messages(account, "small"))).status_code == 200
        assert server.waiting(account) == ["y" * 40_000, "small"]


@pytest.mark.parametrize("read_whole", [10, 1000])
def test_a_sender_that_falls_silent_is_given_up(
    server: Server, acme: str, monkeypatch: pytest.MonkeyPatch, read_whole: int
) -> None:
    """The place that it takes is wanted by others; nothing of its body is taken."""
    monkeypatch.setattr(records, "READ_WHOLE_BYTES", read_whole)
    monkeypatch.setattr(incoming, "START_BYTES", 10)
    monkeypatch.setattr(incoming, "SILENCE_SECONDS", 0.0)
    silent = SlowRequest(server, length=500, key=f"silent-{read_whole}")
    silent.socket.sendall(body_of(_messages(acme, "a"))[:100])
    assert " 400 " in silent.finish()
    assert server.waiting(acme) == []


def test_a_storage_that_is_away_is_no_fault_of_the_sender(tmp_path: Path) -> None:
    """503 and when to try again; nothing of the batch is there."""
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects" / "segments").symlink_to("/sys")  # where nobody can make a folder
    with served(tmp_path) as server:
        account = server.account[0]
        sent = _messages(account, *("".join(a_sid("", f"{n}/{m}") for m in range(100)) for n in range(50)))
        answer = server.post(body_of(sent))
        assert (answer.status_code, answer.json()["code"]) == (503, 20503)
        assert int(answer.headers["Retry-After"]) >= 1
        assert server.waiting(account) == []


def test_many_senders_at_once_are_all_taken(server: Server, acme: str) -> None:
    """Their records share commits; none is lost or doubled among them."""
    names = [f"{n}" for n in range(100)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda name: server.post(body_of(_messages(acme, name))), names))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["sid"] for answer in answers}) == len(names)
    assert sorted(server.waiting(acme)) == sorted(names)


def test_senders_side_by_side_are_each_judged_by_their_own(server: Server, acme: str) -> None:
    """They share their way in: a stranger must not come in beside an operator, nor turn one away."""
    no_password = (server.operator[0], "x" * 32)
    logins = {f"{n}": (server.operator, no_password, server.account)[n % 3] for n in range(99)}
    with ThreadPoolExecutor(16) as pool:
        sent = {
            name: pool.submit(server.client.post, PATH, content=body_of(_messages(acme, name)), auth=login)
            for name, login in logins.items()
        }
    wanted = {server.operator: 200, no_password: 401, server.account: 403}
    assert {name: answer.result().status_code for name, answer in sent.items()} == {
        name: wanted[login] for name, login in logins.items()
    }
    assert sorted(server.waiting(acme)) == sorted(name for name, login in logins.items() if login == server.operator)


def test_a_revoked_key_does_not_send_one_record_more(server: Server, acme: str) -> None:
    """Nothing of an earlier request is remembered for the next."""
    key = server.service.administration.create_key(account=None, scopes=[Scope.INTAKE])
    login = (key.key.sid, key.secret)
    assert server.client.post(PATH, content=body_of(_messages(acme, "a")), auth=login).status_code == 200
    server.service.administration.revoke_key(key.key.sid)
    assert server.client.post(PATH, content=body_of(_messages(acme, "b")), auth=login).status_code == 401
    assert server.waiting(acme) == ["a"]
