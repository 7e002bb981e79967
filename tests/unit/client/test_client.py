from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

import httpx2
import pytest

from dayfile.client.answers import NotBulkExports
from dayfile.client.client import Client
from dayfile.errors import (
    DayfileError,
    Forbidden,
    Invalid,
    InvalidParameter,
    NotFound,
    TooManyRequests,
    Transient,
    Unauthorized,
)
from dayfile.model.day import Day
from dayfile.model.resource import MESSAGES
from tests.unit.client.other_server import URL, Patience

Answer = Callable[[httpx2.Request], httpx2.Response]


def asked(answer: Answer, *, wait: Patience | None = None, url: str = URL) -> Client:
    """A client of a server that answers like this: another one than ours."""
    return Client(url, "AC1", "secret", wait=wait or Patience(), transport=httpx2.MockTransport(answer))


def saying(*answers: httpx2.Response) -> Answer:
    """A server that answers these, one after the other."""
    rest = iter(answers)
    return lambda _: next(rest)


def a_page(days: list[str], next_page_url: str | None) -> httpx2.Response:
    """A page of the Days list."""
    items = [{"day": day, "size": 1} for day in days]
    return httpx2.Response(200, json={"meta": {"key": "days", "next_page_url": next_page_url}, "days": items})


def test_pages_are_asked_for_where_the_first_one_came_from() -> None:
    """A server behind a tunnel calls itself something else; and credentials go to the server that was named only."""
    requests: list[httpx2.Request] = []
    pages: Iterator[httpx2.Response] = iter(
        [a_page(["2026-10-01"], "https://evil.example.net/v1/more?Page=1&PageToken=PT1"), a_page(["2026-10-02"], None)]
    )

    def answer(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        return next(pages)

    days = [day.day for day in asked(answer).days(MESSAGES)]
    assert days == [Day.parse("2026-10-01"), Day.parse("2026-10-02")]
    assert [str(request.url) for request in requests][1] == "https://exports.example.com/v1/more?Page=1&PageToken=PT1"


def test_the_page_size_is_always_asked_for() -> None:
    """With a default of its own, Twilio's list has stopped at ten days without saying that there are more."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        assert int(request.url.params["PageSize"]) <= 30
        return a_page([], None)

    assert list(asked(answer).days(MESSAGES)) == []


def test_a_link_is_read_and_not_followed() -> None:
    """Credentials must not go where it leads."""
    redirect = httpx2.Response(307, json={"redirect_to": "https://store.example.com/a?Signature=1"})
    assert asked(saying(redirect)).link(MESSAGES, Day.parse("2026-10-01")).startswith("https://store.example.com/")


def test_a_link_in_the_header_will_do() -> None:
    """A proxy may have eaten the body of a redirect."""
    redirect = httpx2.Response(307, json={}, headers={"Location": "https://store.example.com/a"})
    assert asked(saying(redirect)).link(MESSAGES, Day.parse("2026-10-01")) == "https://store.example.com/a"


def test_a_download_sends_no_credentials() -> None:
    """An object store refuses a signed link that comes with a login of somebody else's."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        assert "authorization" not in request.headers
        return httpx2.Response(200, content=b"bytes")

    with asked(answer).open_link("https://store.example.com/a") as downloaded:
        assert downloaded.read() == b"bytes"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Invalid), (401, Unauthorized), (403, Forbidden), (404, NotFound), (409, DayfileError), (418, Invalid)],
)
def test_an_error_answer_says_what_to_do_about_it(status: int, kind: type[DayfileError]) -> None:
    """One line with the server's message and its code, and the kind that the exit code follows from."""
    body = {"code": 20404, "message": "no such thing", "more_info": "https://example.com", "status": status}
    with pytest.raises(kind, match="code 20404"):
        asked(saying(httpx2.Response(status, json=body))).job("JS1")


@pytest.mark.parametrize("body", [b"", b"<html>Bad Gateway</html>", b"[1]", b'{"detail":"x"}'])
def test_an_error_answer_of_any_other_form_is_told_in_a_line(body: bytes) -> None:
    """A proxy in front of a server answers in its own way."""
    with pytest.raises(NotFound, match=r"exports\.example\.com answered 404"):
        asked(saying(httpx2.Response(404, content=body))).job("JS1")


@pytest.mark.parametrize("answer", [b"<html>welcome</html>", b"[]", b'{"no":"job"}'])
def test_a_server_of_another_kind_is_recognised(answer: bytes) -> None:
    """A mistyped URL often leads to something that answers 200."""
    with pytest.raises(NotBulkExports, match="BulkExports server"):
        asked(saying(httpx2.Response(200, content=answer))).job("JS1")


def test_reading_is_tried_again_after_the_time_the_server_asks_for() -> None:
    """A busy minute of the server is no reason to lose the night's run."""
    wait = Patience()
    busy = httpx2.Response(429, headers={"Retry-After": "7"}, json={"message": "slow down", "code": 20429})
    away = httpx2.Response(503, json={"message": "away", "code": 20503})
    job = {"job_sid": "JS1", "start_day": "2026-10-01", "end_day": "2026-10-01", "details": None}
    server = asked(saying(busy, away, httpx2.Response(200, json=job)), wait=wait)
    assert server.job("JS1").sid == "JS1"
    assert wait.waited == [7, 1.0]


def test_it_gives_up_in_the_end() -> None:
    """And says that it was the server, so that a script knows to come back."""
    wait = Patience()
    with pytest.raises(TooManyRequests):
        asked(lambda _: httpx2.Response(429, headers={"Retry-After": "9999"}), wait=wait).job("JS1")
    assert wait.waited == [30, 30, 30]


def test_a_job_is_never_submitted_twice() -> None:
    """Nobody knows if the first one arrived: days count against a quota."""
    asked_for = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked_for.append(request)
        return httpx2.Response(503)

    with pytest.raises(Transient):
        asked(answer).create_job(MESSAGES, "2026-10-01")
    assert len(asked_for) == 1


def test_a_connection_that_fails_is_told_with_its_server() -> None:
    """The exception of an HTTP library says little to whoever typed the command."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("connection refused", request=request)

    with pytest.raises(Transient, match=r"https://exports\.example\.com cannot be reached \(connection refused\)"):
        asked(answer).job("JS1")


@pytest.mark.parametrize("url", ["", "exports.example.com", "ftp://example.com", "http://", "http://[::1"])
def test_what_is_no_url_is_named(url: str) -> None:
    """Before anything is sent anywhere."""
    with pytest.raises(InvalidParameter, match=r"^url must be"):
        asked(saying(), url=url)


def test_a_manifest_is_optional() -> None:
    """Only this project's server has one; against any other the commands do without."""
    nothing = httpx2.Response(404, content=json.dumps({"message": "no", "code": 20404}).encode())
    assert asked(saying(nothing)).find_manifest(MESSAGES, Day.parse("2026-10-01")) is None


JOB = {"job_sid": "JS1", "start_day": "2026-10-01", "end_day": "2026-10-02"}


def a_job(*statuses: str) -> httpx2.Response:
    """An answer in which the days of the job have these statuses."""
    details = [{"status": status, "count": 1, "days": []} for status in statuses]
    return httpx2.Response(200, json={**JOB, "details": details})


def test_a_job_is_watched_until_it_is_over() -> None:
    """Often while it moves, ever more seldom while it waits; and every look is shown."""
    wait, shown = Patience(), []
    answers = [
        a_job("Submitted", "Submitted"),
        a_job("Submitted", "Submitted"),
        a_job("Submitted", "Submitted"),
        a_job("Completed", "Submitted"),
        a_job("Completed", "Failed"),
    ]
    job = asked(saying(*answers), wait=wait).watch_job("JS1", on_look=lambda seen: shown.append(seen.finished))
    assert (job.is_over, job.failed, shown) == (True, 1, [0, 0, 1, 2])
    assert wait.waited == pytest.approx([0.1, 0.15, 0.225, 0.1])


@pytest.mark.parametrize("day", ["2026-10-01", date(2026, 10, 1), Day.parse("2026-10-01")])
def test_a_day_may_be_given_in_three_ways(day: str | date | Day) -> None:
    """A program has what its own libraries gave it."""
    forms: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        forms.append(request.content.decode())
        return httpx2.Response(201, json={**JOB, "details": None})

    asked(answer).create_job("Messages", day)
    assert forms == ["StartDay=2026-10-01&EndDay=2026-10-01&FriendlyName=Custom+job"]


@pytest.mark.parametrize(
    ("start", "end", "rule"),
    [
        (datetime(2026, 10, 1, 23, tzinfo=UTC), None, "not a moment"),
        ("1 October", None, "yyyy-mm-dd"),
        ("2026-10-02", "2026-10-01", "end must not be before start"),
    ],
)
def test_a_day_that_is_none_is_named_before_anything_is_sent(start: datetime | str, end: str | None, rule: str) -> None:
    """A moment has a day in every time zone: the wrong one would be exported without a word."""
    with pytest.raises(InvalidParameter, match=rule):
        asked(saying()).create_job("Messages", start, end)


RECEIPT = {"sid": "RC1", "accepted": 1, "rejected": 1, "rejections": [{"line": 2, "field": "sid", "reason": "no"}]}


def test_a_batch_is_sent_as_lines_and_answered_with_its_receipt() -> None:
    """Mappings, text and bytes are the same lines; times are written as JSON has them."""
    requests: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        return httpx2.Response(200, json=RECEIPT)

    moment = datetime(2026, 10, 1, 10, tzinfo=UTC)
    receipt = asked(answer).send("Messages", [{"date_created": moment}, '{"sid":"ü"}\n', b'{"sid":"SM1"}'])
    assert (receipt.accepted, receipt.rejected, receipt.refusals[0].line) == (1, 1, 2)
    (request,) = requests
    assert request.url.path == "/v1/Records/Messages"
    lines = gzip.decompress(request.content).decode().splitlines()
    assert lines == ['{"date_created":"2026-10-01T10:00:00Z"}', '{"sid":"ü"}', '{"sid":"SM1"}']


def test_a_batch_is_sent_again_under_the_same_key() -> None:
    """A connection that broke says nothing about the batch: the server must be able to tell that it is the same one."""
    keys: list[str] = []
    answers = iter(
        [
            httpx2.Response(503),
            httpx2.Response(409, headers={"Retry-After": "2"}, json={"message": "in flight", "code": 20409}),
            httpx2.Response(200, json=RECEIPT),
        ]
    )

    def answer(request: httpx2.Request) -> httpx2.Response:
        keys.append(request.headers["Idempotency-Key"])
        return next(answers)

    wait = Patience()
    client = asked(answer, wait=wait)
    client.send("Messages", [b"{}"])
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert wait.waited == [0.5, 2]


def test_a_batch_of_refused_lines_has_a_receipt_and_a_bad_batch_an_error() -> None:
    """Both are answered with 400, and only one of them says which lines are wrong."""
    refused = httpx2.Response(400, json={**RECEIPT, "accepted": 0})
    bad = httpx2.Response(400, json={"message": "not gzip", "code": 20001})
    client = asked(saying(refused, bad))
    assert client.send("Messages", [b"{}"]).accepted == 0
    with pytest.raises(Invalid, match="not gzip"):
        client.send("Messages", [b"{}"])


def test_the_newest_day_of_a_job_follows_from_the_server_s_clock() -> None:
    """The clock of this machine may be wrong; a server that does not tell its time decides by itself."""
    page = httpx2.Response(200, headers={"Date": "Mon, 23 Nov 2026 23:59:59 GMT"}, json={"days": [], "meta": {}})
    client = asked(saying(page, a_page([], None)))
    assert client.newest_job_day() is None
    for _ in range(2):
        assert list(client.days(MESSAGES)) == []
        assert client.newest_job_day() == Day.parse("2026-11-21")
