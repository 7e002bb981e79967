"""The types that Java, C#, Go, Ruby and PHP bind answers to, as their libraries' sources show; none is run here.

Each type below is the strictest of theirs for that body. A value that does not fit it makes one of them fail.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import msgspec
import pytest

from tests.support.face import Face, Login, served_face

Int32 = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]

DAYS = "/v1/Exports/Messages/Days"
JOBS = "/v1/Exports/Messages/Jobs"
JOB = {"StartDay": "2026-11-01", "EndDay": "2026-11-03", "FriendlyName": "november"}


class Meta(msgspec.Struct, forbid_unknown_fields=True):
    """Java's Page fails when a member is missing; C# needs them all; Go binds the numbers to int."""

    page: Int32
    page_size: Int32
    first_page_url: str
    previous_page_url: str | None
    url: str
    next_page_url: str | None
    key: str


class Day(msgspec.Struct, forbid_unknown_fields=True):
    """`size` is an Integer in Java, an int? in C#; all else is text."""

    friendly_name: str
    create_date: str
    day: str
    resource_type: str
    size: Int32


class Group(msgspec.Struct, forbid_unknown_fields=True):
    """One entry of `details`."""

    status: str
    count: Int32
    days: list[str]


class CustomJob(msgspec.Struct, forbid_unknown_fields=True):
    """`details` is a list or null; place and estimate are text in every library."""

    start_day: str
    job_sid: str
    friendly_name: str
    webhook_method: str | None
    details: list[Group] | None
    end_day: str
    webhook_url: str | None
    email: str | None
    resource_type: str
    job_queue_position: str | None
    estimated_completion_time: str | None


class Job(CustomJob, forbid_unknown_fields=True):
    """A job that is fetched by its sid; `url` becomes a java.net.URI."""

    url: str


class DayPage(msgspec.Struct, forbid_unknown_fields=True):
    """A page of days; a `uri` at the top would make Java take it for a list of the older API."""

    meta: Meta
    days: list[Day]


class JobPage(msgspec.Struct, forbid_unknown_fields=True):
    """A page of jobs."""

    meta: Meta
    jobs: list[CustomJob]


class Links(msgspec.Struct, forbid_unknown_fields=True):
    """A map of text to text in Java and C#."""

    days: str
    export_custom_jobs: str
    jobs: str


class Export(msgspec.Struct, forbid_unknown_fields=True):
    """A resource type's addresses."""

    resource_type: str
    url: str
    links: Links


class Redirect(msgspec.Struct, forbid_unknown_fields=True):
    """`redirect_to` becomes a java.net.URI and a System.Uri."""

    redirect_to: str


class ApiError(msgspec.Struct, forbid_unknown_fields=True):
    """`code` and `status` are int in C#, Go and Java. `details`, if it came, would have to be a map."""

    code: Int32
    message: str
    more_info: str
    status: Int32


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Face]:
    """One instance for all of these tests."""
    with served_face(tmp_path_factory.mktemp("face")) as face:
        yield face


@pytest.fixture(scope="module")
def acme(face: Face) -> Login:
    """An account with days that have records and days that have none, and jobs in several states."""
    acme = face.account()
    face.seal(acme, "2026-11-01", b'{"a":1}\n')
    with face.client(acme) as client:
        client.post(JOBS, data=JOB)
        face.work()
        client.post(JOBS, data=JOB | {"Email": "someone@example.com"})
    return acme


@pytest.fixture
def client(face: Face, acme: Login) -> Iterator[httpx2.Client]:
    """Its HTTP client."""
    with face.client(acme) as client:
        yield client


@pytest.mark.parametrize("query", ["", "?PageSize=1", "?PageSize=2&Page=1", "?PageSize=50&Page=7"])
@pytest.mark.compat(20, 34, 55)
def test_every_page_of_a_list_binds_to_the_strictest_types(client: httpx2.Client, query: str) -> None:
    """All seven members of `meta`, on first, middle, last and empty pages."""
    days = msgspec.json.decode(client.get(DAYS + query).content, type=DayPage)
    jobs = msgspec.json.decode(client.get(JOBS + query).content, type=JobPage)
    assert (days.meta.key, jobs.meta.key) == ("days", "jobs")
    for day in days.days:
        assert str(date.fromisoformat(day.day)) == day.day
        assert str(date.fromisoformat(day.create_date)) == day.create_date


@pytest.mark.compat(40, 41, 43, 55)
def test_a_job_binds_to_the_strictest_types_from_its_creation_on(client: httpx2.Client) -> None:
    """New, waiting, listed and over."""
    created = msgspec.json.decode(client.post(JOBS, data=JOB).content, type=CustomJob)
    assert created.details is None
    assert int(created.job_queue_position or "") >= 1
    assert datetime.fromisoformat(created.estimated_completion_time or "").tzinfo is None
    for listed in msgspec.json.decode(client.get(JOBS).content, type=JobPage).jobs:
        job = msgspec.json.decode(client.get(f"/v1/Exports/Jobs/{listed.job_sid}").content, type=Job)
        assert job.details == listed.details
        assert sum(group.count for group in job.details or ()) == 3
        check_uri(job.url)


@pytest.mark.compat(31, 55)
def test_single_resources_bind_to_the_strictest_types(client: httpx2.Client) -> None:
    """Their addresses are URIs that java.net.URI and System.Uri take."""
    export = msgspec.json.decode(client.get("/v1/Exports/Messages").content, type=Export)
    redirect = msgspec.json.decode(client.get(f"{DAYS}/2026-11-01").content, type=Redirect)
    for address in (export.url, export.links.days, export.links.export_custom_jobs, export.links.jobs):
        check_uri(address)
    check_uri(redirect.redirect_to)


def check_uri(address: str) -> None:
    """Absolute, and made of characters that RFC 3986 has: java.net.URI throws at any other."""
    parts = urlsplit(address)
    assert parts.scheme in {"http", "https"}
    assert parts.hostname
    allowed = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?@!$&'()*+,;=%")
    assert set(address) <= allowed


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{DAYS}/2026-10-01"),
        ("GET", f"{DAYS}?PageSize=0"),
        ("GET", f"{DAYS}?PageToken=PTx"),
        ("POST", JOBS),
        ("PUT", JOBS),
        ("GET", "/no/such/path"),
        ("GET", "/v1/Downloads/forged"),
    ],
)
@pytest.mark.compat(14, 19, 55)
def test_every_error_binds_to_the_strictest_type(client: httpx2.Client, method: str, path: str) -> None:
    """Whole numbers, no `details`, nothing of a problem of RFC 9457, and never the code that PHP takes for the end of
    a list."""
    answer = client.request(method, path)
    error = msgspec.json.decode(answer.content, type=ApiError)
    assert error.status == answer.status_code
    assert error.code != 20006


@pytest.mark.compat(1, 55)
def test_a_deletion_has_no_body(client: httpx2.Client) -> None:
    """Java and Go read none on 204, Python and the command line take one for an answer."""
    sid = json.loads(client.post(JOBS, data=JOB).content)["job_sid"]
    answer = client.delete(f"/v1/Exports/Jobs/{sid}")
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.compat(12)
def test_credentials_are_letters_and_digits(face: Face, acme: Login) -> None:
    """The Go library refuses any other character before it sends anything."""
    for login in (acme, face.api_key(acme)):
        for text in login.basic:
            assert text.isascii()
            assert text.isalnum()


@pytest.mark.compat(6, 55)
def test_a_page_is_found_below_another_scheme_and_host(face: Face, client: httpx2.Client) -> None:
    """The Ruby library keeps only path and query of the next page, and asks its own base for it."""
    following = client.get(f"{DAYS}?PageSize=1").json()["meta"]["next_page_url"]
    parts = urlsplit(following)
    assert client.get(f"{face.url}{parts.path}?{parts.query}").json() == client.get(following).json()


QUERIES_OF_CLIENTS = {
    "Java: setPageSize(7L).limit(20)": "PageSize=7&PageSize=20",
    "Java: setPageSize(7L).limit(3)": "PageSize=7&PageSize=3",
    "Java: getPage(url).limit(5000)": "PageSize=2&Page=0&PageSize=5000",
    "Go: url.Values, sorted": "Page=0&PageSize=20",
    "Go: url.Values with Add": "Page=4&Page=0&PageSize=7&PageSize=20",
    "Ruby: Faraday, sorted": "Page=0&PageSize=20&PageToken=",
    "Ruby: Faraday, nil": "PageSize=20&PageToken",
    "PHP: http_build_query": "PageSize=20",
}


@pytest.mark.parametrize("query", QUERIES_OF_CLIENTS.values(), ids=QUERIES_OF_CLIENTS)
@pytest.mark.parametrize(("path", "key"), [(DAYS, "days"), (JOBS, "jobs")])
@pytest.mark.compat(17, 55)
def test_a_list_is_given_however_a_library_writes_its_query(
    client: httpx2.Client, path: str, key: str, query: str
) -> None:
    """The Java library adds its user's limit to the PageSize that is there: the last one is what it wants."""
    answer = client.get(f"{path}?{query}")
    assert answer.status_code == 200
    last = query.rpartition("PageSize=")[2].partition("&")[0]
    page = answer.json()
    assert page["meta"]["page_size"] == min(int(last), 1000)
    assert len(page[key]) == min(int(last), len(client.get(path).json()[key]))
    following = page["meta"]["next_page_url"]
    if following:
        again = client.get(f"{following}&PageSize=1000").json()
        assert (again["meta"]["page_size"], again["meta"]["next_page_url"]) == (1000, None)


@pytest.mark.compat(17, 76)
def test_a_walk_may_have_its_parameters_in_any_order(client: httpx2.Client) -> None:
    """Faraday sorts the parameters of the address that it follows, and Go writes them anew."""
    following: str | None = f"{DAYS}?PageSize=1"
    seen = []
    while following:
        page = client.get(following).json()
        seen += [day["day"] for day in page["days"]]
        address, _, query = (page["meta"]["next_page_url"] or "").partition("?")
        following = f"{address}?{urlencode(sorted(parse_qsl(query)))}" if query else None
    assert seen == [day["day"] for day in client.get(DAYS).json()["days"]]
    assert len(seen) > 1
