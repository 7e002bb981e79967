from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from dayfile.errors import Corrupt, LostClaim
from tests.support.face import Face, Login, served_face
from tests.support.raising import raising
from tests.support.recorded_log import recorded_log

JOBS = "/v1/Exports/Messages/Jobs"
DAY = "/v1/Exports/Messages/Days/2026-11-01"

RAISED: dict[str, Exception] = {
    "bug": KeyError("a secret in a key"),
    "corrupt": Corrupt("a secret path"),
    "lost": LostClaim("a secret worker"),
}


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Face]:
    """One instance, with addresses that fail."""
    with served_face(tmp_path_factory.mktemp("face"), pages=[raising(RAISED)]) as face:
        yield face


@pytest.fixture
def acme(face: Face) -> Login:
    """An account that nobody else uses, with a published day."""
    acme = face.account()
    face.publish(acme, "2026-11-01")
    return acme


def test_one_line_is_logged_for_every_request(client: httpx2.Client, acme: Login) -> None:
    """The line says who asked for what, how it went and how long it took: enough to answer a customer's question."""
    with recorded_log() as log:
        answers = [client.get(JOBS), client.get("/nothing"), client.request("OPTIONS", JOBS)]
        first, second, third = (log.until(answer)[-1] for answer in answers)
    assert (first["method"], first["path"], first["status"], first["caller"]) == ("GET", JOBS, 200, acme.sid)
    assert first["sent_bytes"] == len(answers[0].content)
    assert first["duration_ms"] >= 0
    assert (second["status"], second["code"], second["caller"]) == (404, 20404, None)
    assert (third["method"], third["status"]) == ("OPTIONS", 204)
    assert {line["level"] for line in (first, second, third)} == {"info"}


def test_nothing_secret_is_ever_logged(face: Face, acme: Login, client: httpx2.Client) -> None:
    """A log is read by many and kept for long: no password, no page token, no signature of a link."""
    with recorded_log() as log:
        link = client.get(DAY).headers["location"]
        httpx2.get(link)
        client.get(JOBS, params={"PageToken": "PTsecret"})
        client.post(JOBS, data={"StartDay": "secret", "WebhookUrl": "https://me:secret@example.com/"})
        told = repr(log.until(httpx2.get(face.url + JOBS, auth=(acme.sid, "secret"))))
    assert DAY in told
    for secret in ("secret", acme.password, link.partition("Signature=")[2]):
        assert secret not in told


def test_a_link_that_is_given_is_told_with_who_got_it(acme: Login, client: httpx2.Client) -> None:
    """Behind an object store the download itself is not seen: this line is what an auditor has."""
    with recorded_log() as log:
        given = next(line for line in log.until(client.get(DAY)) if line["event"] == "link.given")
    assert given["caller"] == acme.sid
    assert given["path"].startswith("daily/day=2026-11-01/type=Messages/")
    assert given["expires_at"] == "2026-11-23T13:00:00+00:00"


def test_every_line_of_a_request_has_the_id_that_its_answer_has(face: Face) -> None:
    """A customer quotes it: the operator finds with it all that happened, and nothing that happened to others."""
    login = face.account()
    sealed = face.seal(login, "2026-11-01", b"{}\n")
    face.publish(login, "2026-11-01")
    with face.client(login) as client, recorded_log() as log:
        given = client.get(DAY)
        about_link = log.until(given)
        face.storage.delete([sealed.place.object_key])
        lost = httpx2.get(given.headers["location"])
        about_file = log.until(lost)
        refused = httpx2.get(face.url + JOBS, auth=(login.sid, "wrong"))
        about_login = log.until(refused)
    for answer, lines, event in (
        (given, about_link, "link.given"),
        (lost, about_file, "damage.found"),
        (refused, about_login, "login.failed"),
    ):
        assert [line["event"] for line in lines] == [event, "request"]
        assert {line["request_id"] for line in lines} == {answer.headers["twilio-request-id"]}


@pytest.mark.parametrize("name", list(RAISED))
def test_a_bug_says_nothing_outside_and_everything_in_the_log(face: Face, name: str) -> None:
    """The customer gets a request id to quote, the operator the whole story under it."""
    with recorded_log() as log:
        answer = httpx2.get(f"{face.url}/v1/Raised/{name}")
        line = log.until(answer)[-1]
    body = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (500, 500, 20500)
    assert body["message"].startswith("Internal error")
    assert answer.headers["twilio-request-id"] in body["message"]
    assert "secret" not in answer.text
    assert (line["level"], line["status"], line["code"]) == ("error", 500, 20500)
    assert line["exc_info"] is RAISED[name]


def test_a_published_file_that_is_missing_is_an_error_of_ours(face: Face) -> None:
    """Not the customer's 404: something was lost, and the log must shout which object it was."""
    login = face.account()
    sealed = face.seal(login, "2026-11-01", b"{}\n")
    face.publish(login, "2026-11-01")
    with face.client(login) as client:
        link = client.get(DAY).headers["location"]
    face.storage.delete([sealed.key])
    with recorded_log() as log:
        for answer in (httpx2.get(link), httpx2.head(link)):
            line = log.until(answer)[-1]
            assert (answer.status_code, line["level"]) == (500, "error")
            assert isinstance(line["exc_info"], Corrupt)
            assert sealed.key in str(line["exc_info"].__cause__)
