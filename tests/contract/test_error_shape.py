from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from dayfile.api.error_table import BUG, ERRORS, row_of
from dayfile.errors import (
    AccountSuspended,
    DatabaseUnavailable,
    DayfileError,
    InFlight,
    StorageUnavailable,
    TooManyRequests,
)
from dayfile.model.account import AccountState
from dayfile.model.credential import Scope
from dayfile.store.database import Database
from tests.support.face import Face, Login, served_face
from tests.support.raising import raising

JOBS = "/v1/Exports/Messages/Jobs"
JOB = {"StartDay": "2026-11-01", "EndDay": "2026-11-02", "FriendlyName": "november"}
NO_SID = "JS" + "0" * 32

RAISED: dict[str, Exception] = {
    "bug": KeyError("key"),
    "busy": TooManyRequests("too many", retry_after=7),
    "in-flight": InFlight("the first is still being worked on", retry_after=2),
    "away": StorageUnavailable("cannot write: the disk is full"),
}


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Face]:
    """One instance, with addresses that fail."""
    with served_face(tmp_path_factory.mktemp("face"), pages=[raising(RAISED)]) as face:
        yield face


@pytest.fixture(scope="module")
def acme(face: Face) -> Login:
    """An account with a published day."""
    acme = face.account()
    face.publish(acme, "2026-11-01")
    return acme


def check_shape(answer: httpx2.Response, status: int, code: int) -> str:
    """The one shape of an error; the message."""
    body: dict[str, Any] = answer.json()
    assert answer.status_code == status, body
    assert list(body) == ["code", "message", "more_info", "status"]
    assert (body["code"], body["status"]) == (code, status)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["twilio-request-id"].startswith("RQ")
    assert len(answer.headers["twilio-request-id"]) == 34
    assert httpx2.get(body["more_info"]).json()["code"] == code
    message: str = body["message"]
    assert message
    return message


def test_a_form_that_is_sent_without_its_length_is_bounded_too(client: httpx2.Client) -> None:
    """A sender of chunks announces no length."""
    chunks = (b"a" * 10_000 for _ in range(20))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    check_shape(client.post(JOBS, content=chunks, headers=headers), 413, 20413)


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "message"),
    [
        ("GET", "/v1/Exports/messages", 404, 20404, "use one of Messages, Calls, Conferences, Participants"),
        ("GET", "/v1/Exports/Faxes/Days", 404, 20404, "/v1/Exports/Faxes/Days was not found"),
        ("POST", "/v1/Exports/Faxes/Jobs", 404, 20404, "/v1/Exports/Faxes/Jobs was not found"),
        ("GET", f"/v1/Exports/Jobs/{NO_SID}", 404, 20404, f"/v1/Exports/Jobs/{NO_SID} was not found"),
        ("DELETE", f"/v1/Exports/Jobs/{NO_SID}", 404, 20404, f"/v1/Exports/Jobs/{NO_SID} was not found"),
        ("GET", "/v1/Exports/Jobs/nonsense", 404, 20404, "a job sid is JS followed by 32 hexadecimal digits"),
        ("GET", "/v1/Exports/Messages/Days/2026-10-01", 404, 20404, "create a job for that day"),
        ("GET", "/v1/Exports/Messages/Days/2026-10-01/Manifest", 404, 20404, "create a job for that day"),
        (
            "GET",
            "/v1/Exports/Messages/Days/1st",
            400,
            20001,
            "Day must be a UTC date in the form yyyy-mm-dd; got '1st'",
        ),
        ("GET", f"{JOBS}?PageSize=0", 400, 20001, "PageSize must be a whole number from 1 to 1000; got '0'"),
        ("GET", f"{JOBS}?Page=-1", 400, 20001, "Page must be a whole number from 0"),
        ("GET", f"{JOBS}?PageSize=1&PageSize=0", 400, 20001, "PageSize must be a whole number from 1 to 1000; got '0'"),
        ("GET", f"{JOBS}?PageToken=PTx", 400, 21481, "next_page_url"),
        ("GET", "/v1/Exports/%ff", 400, 20001, "The path must be UTF-8"),
        ("GET", "/v1/Exports/Messages/Days/%00", 400, 20001, "NUL"),
        ("GET", "/nothing/here", 404, 20404, "The requested resource /nothing/here was not found"),
        ("GET", "/" + "x" * 5000, 404, 20404, "… was not found"),
        ("PUT", JOBS, 405, 20004, "PUT is not allowed here: use GET, HEAD, OPTIONS, POST"),
        ("POST", f"/v1/Exports/Jobs/{NO_SID}", 405, 20004, "use DELETE, GET, HEAD, OPTIONS"),
        ("GET", "/v1/Downloads/anything", 403, 20403, "not a link that was given out here"),
        ("GET", "/errors/1", 404, 20404, "knows no error with the code '1'"),
        ("GET", "/v1/Raised/bug", 500, 20500, "Internal error"),
        ("GET", "/v1/Raised/busy", 429, 20429, "too many"),
        ("GET", "/v1/Raised/in-flight", 409, 20409, "still being worked on"),
        ("GET", "/v1/Raised/away", 503, 20503, "the disk is full"),
    ],
)
@pytest.mark.compat(5, 14, 18, 19, 25, 39)
def test_every_way_to_fail_has_the_one_shape(
    client: httpx2.Client, *, method: str, path: str, status: int, code: int, message: str
) -> None:
    """Strictly typed clients crash on any other."""
    assert message in check_shape(client.request(method, path), status, code)


@pytest.mark.parametrize(("name", "seconds"), [("busy", "7"), ("in-flight", "2"), ("away", "5")])
@pytest.mark.compat(19)
def test_what_is_worth_another_try_says_when(face: Face, name: str, seconds: str) -> None:
    """Senders that guess come back at once, all together."""
    assert httpx2.get(f"{face.url}/v1/Raised/{name}").headers["retry-after"] == seconds


def test_a_method_that_is_not_known_is_told_which_are(client: httpx2.Client) -> None:
    """All of the address, though several routes share it."""
    assert client.put(JOBS).headers["allow"] == "GET, HEAD, OPTIONS, POST"


def basic(text: bytes) -> str:
    """A header with these credentials."""
    return "Basic " + base64.b64encode(text).decode()


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic !!!",
        "Bearer token",
        basic(b"nocolon"),
        basic(b":"),
        basic(b"\xff:x"),
        basic(b"AC" + b"0" * 32 + b":wrong"),
        basic(b"SK" + b"0" * 32 + b":wrong"),
        basic(b"AC\0" + b"0" * 31 + b":x"),
        basic(b"AC" + b"0" * 32 + b":" + b"x" * 30_000),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/Exports/Faxes/Days/nonsense"), ("POST", JOBS)])
@pytest.mark.compat(10, 13)
def test_without_good_credentials_nothing_is_told(
    face: Face, method: str, path: str, authorization: str | None
) -> None:
    """The same answer whatever is wrong with them, and whatever else is wrong."""
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = httpx2.request(method, face.url + path, headers=headers)
    assert check_shape(answer, 401, 20003) == "Authenticate"
    assert answer.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.compat(11)
def test_a_suspended_account_is_told_so(face: Face) -> None:
    """Only with the right password: 20005 and whom to ask."""
    suspended = face.account()
    with face.database.transaction() as tx:
        tx.accounts.set_state(suspended.sid, AccountState.SUSPENDED)
    with face.client(suspended) as client:
        assert "suspended" in check_shape(client.get(JOBS), 403, 20005)


def test_an_operators_key_owns_no_exports(face: Face) -> None:
    """It may write everybody's records, and reads nobody's."""
    new = face.administration.create_key(account=None, scopes=[Scope.INTAKE])
    answer = httpx2.get(face.url + JOBS, auth=(new.key.sid, new.secret))
    assert "use the credentials of the account" in check_shape(answer, 403, 20403)


def test_a_database_that_is_away_is_a_503(face: Face, client: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is wrong with the request: clients are asked to come back."""

    def away(self: Database) -> None:
        raise DatabaseUnavailable("the state database does not answer")

    monkeypatch.setattr(Database, "snapshot", away)
    answers = [client.get(JOBS), client.post(JOBS, data=JOB), httpx2.get(face.url + "/readyz")]
    monkeypatch.undo()
    for answer in answers:
        assert "does not answer" in check_shape(answer, 503, 20503)
        assert answer.headers["retry-after"] == "5"


@pytest.mark.compat(15)
def test_every_code_is_explained() -> None:
    """more_info must lead somewhere, and say what happened and what to do."""
    texts = [text for row in ERRORS for text in (row.title, row.happened, row.to_do)]
    assert [text for text in texts if text != text.strip() or not text] == []
    assert len({row.happened for row in ERRORS}) == len(ERRORS)


def test_every_error_has_one_row() -> None:
    """Two codes for one error, or two errors with one code, would leave clients guessing."""
    assert len({row.kind for row in ERRORS}) == len({row.code for row in ERRORS}) == len(ERRORS)
    assert row_of(AccountSuspended("suspended")).code == 20005
    assert all(issubclass(row.kind, DayfileError) for row in ERRORS if row is not BUG)


def test_an_error_without_a_row_is_that_of_its_kind_or_a_bug() -> None:
    """A new kind of NotFound must not become an internal error, and a bug must not look like a client's mistake."""
    assert row_of(DatabaseUnavailable("away")).code == 20503
    assert row_of(KeyError("key")) is row_of(DayfileError("of no kind")) is BUG
