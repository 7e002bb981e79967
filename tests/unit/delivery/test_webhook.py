"""The request that a receiver gets, and the meaning of its answers."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from dayfile import __version__
from dayfile.clock import SystemClock
from dayfile.delivery.webhook import WebhookTransport
from dayfile.model.notice import ANSWER_BYTES, DayContent, Result
from tests.support.receiver import answers, receiving
from tests.support.told import ACCOUNT, EVENT, JOB, LOOPBACK, a_notice, deliver, destinations, trusted

FIELDS = {
    "EventSid": EVENT,
    "EventType": "job.finished",
    "AccountSid": ACCOUNT,
    "ResourceType": "Messages",
    "Status": "failed",
    "FriendlyName": "Größe & Co. 📞 + 100 %",
    "JobSid": JOB,
    "StartDay": "2026-10-01",
    "EndDay": "2026-10-31",
    "DaysCompleted": "28",
    "DaysEmpty": "2",
    "DaysFailed": "1",
}


@pytest.mark.compat(71)
def test_a_receiver_of_posts_gets_a_form() -> None:
    """Receivers are written against these names; whatever is in a friendly name comes through."""
    with receiving() as receiver:
        outcome = deliver(f"{receiver.url}/hook?tenant=7")
    (request,) = receiver.received
    assert (request.method, request.target, request.form) == ("POST", "/hook?tenant=7", FIELDS)
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert request.headers["user-agent"] == f"Dayfile/{__version__}"
    assert (outcome.result, outcome.status, outcome.error) == (Result.DELIVERED, 204, None)


@pytest.mark.parametrize(
    ("given", "before"),
    [("", ""), ("/", ""), ("/hook", ""), ("/hook?", ""), ("/hook?a=1&b=%26", "a=1&b=%26&"), ("/hook?a#part", "a&")],
)
@pytest.mark.compat(71)
def test_a_receiver_of_gets_finds_the_fields_behind_its_own_query(given: str, before: str) -> None:
    """A query that it chose itself must arrive untouched: it may tell tenants apart, or be signed."""
    with receiving() as receiver:
        deliver(a_notice(f"{receiver.url}{given}", method="GET"))
    (request,) = receiver.received
    path, _, query = request.target.partition("?")
    assert (request.method, request.body, path) == ("GET", b"", given.partition("?")[0].partition("#")[0] or "/")
    assert query.startswith(f"{before}EventSid=EV")
    assert query.endswith("&DaysFailed=1")
    assert "content-length" not in request.headers


@pytest.mark.compat(71)
def test_a_daily_file_is_told_with_its_day_and_size() -> None:
    """The second kind of notice has no job."""
    content = DayContent(friendly_name="Daily export", size_bytes=3_000_000_000)
    with receiving() as receiver:
        deliver(a_notice(receiver.url, content=content))
    (request,) = receiver.received
    assert request.form == {
        "EventSid": EVENT,
        "EventType": "day.exported",
        "AccountSid": ACCOUNT,
        "ResourceType": "Messages",
        "Status": "completed",
        "FriendlyName": "Daily export",
        "Day": "2026-11-22",
        "Size": "3000000000",
    }


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
@pytest.mark.compat(73)
def test_every_2xx_is_a_delivery(status: int) -> None:
    """A receiver's framework chooses the status of a function that answers nothing."""
    with receiving(answers(status)) as receiver:
        assert deliver(receiver.url).result is Result.DELIVERED


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 500, 599])
@pytest.mark.compat(73)
def test_every_other_answer_is_a_failure_that_names_it(status: int) -> None:
    """Its owner reads in the log what the receiver said, and it is tried again."""
    with receiving(answers(status, "no such hook")) as receiver:
        outcome = deliver(receiver.url)
    assert (outcome.result, outcome.status, outcome.answer) == (Result.FAILED, status, b"no such hook")
    assert outcome.error is not None
    assert str(status) in outcome.error
    assert outcome.retry_after is None


@pytest.mark.compat(63)
def test_410_stops() -> None:
    """The one way for a receiver to say that it wants no more of this."""
    with receiving(answers(410)) as receiver:
        assert deliver(receiver.url).result is Result.STOPPED


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("0", timedelta()),
        ("120", timedelta(minutes=2)),
        ("Mon, 23 Nov 2026 12:10:00 GMT", timedelta(minutes=10)),
        ("Mon, 23 Nov 2026 12:10:00", timedelta(minutes=10)),
        ("Mon, 23 Nov 2026 13:10:00 +0100", timedelta(minutes=10)),
        ("Mon, 23 Nov 2026 11:00:00 GMT", timedelta()),
        ("999999999", timedelta(days=1)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", timedelta(days=1)),
        ("-1", None),
        ("9" * 400, None),
        ("soon", None),
        ("", None),
    ],
)
@pytest.mark.compat(73)
def test_a_receiver_may_ask_for_time(status: int, asked: str, granted: timedelta | None) -> None:
    """In seconds or as a date; what is neither is as if it had not been said, and nobody waits for years."""
    with receiving(answers(status, Retry_After=asked)) as receiver:
        outcome = deliver(receiver.url)
    assert (outcome.result, outcome.retry_after) == (Result.FAILED, granted)


def test_only_the_beginning_of_an_answer_is_kept() -> None:
    """It is shown in a log, and a receiver must not be able to fill the database."""
    with receiving(answers(500, "x" * 3 * ANSWER_BYTES)) as receiver:
        assert deliver(receiver.url).answer == b"x" * ANSWER_BYTES


def test_one_connection_serves_many_notices() -> None:
    """A receiver of a thousand accounts is not greeted a thousand times; too long an answer ends a connection."""
    transport = WebhookTransport(destinations(*LOOPBACK), trusted=trusted(), clock=SystemClock())
    long = answers(200, "x" * 1_000_000)
    with receiving(answers(204), answers(500, "no"), long, answers(204)) as receiver:
        results = [deliver(receiver.url, transport=transport).result for _ in range(5)]
        transport.close()
    assert results == [Result.DELIVERED, Result.FAILED, *[Result.DELIVERED] * 3]
    assert (len(receiver.received), receiver.connections) == (5, 2)


def test_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A proxy would call what may not be called, and a netrc would give a customer's receiver a password."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    with receiving() as proxy, receiving() as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        assert deliver(receiver.url).result is Result.DELIVERED
    assert proxy.connections == 0
    assert "authorization" not in receiver.received[0].headers
