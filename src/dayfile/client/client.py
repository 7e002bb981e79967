"""HTTP client for one account of any BulkExports server, not only this one.

Errors are raised as the type that tells the caller what to do. Credentials are sent only to the given server.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Self, TypeVar

import httpx2

from dayfile import __version__
from dayfile.client.answers import (
    Answer,
    NotBulkExports,
    RemoteConfiguration,
    RemoteDay,
    RemoteJob,
    RemoteManifest,
    read_configuration,
    read_day,
    read_job,
    read_manifest,
)
from dayfile.clock import Clock
from dayfile.errors import (
    Conflict,
    Corrupt,
    DayfileError,
    Forbidden,
    Invalid,
    InvalidParameter,
    NotFound,
    TooLarge,
    TooManyRequests,
    Transient,
    Unauthorized,
)
from dayfile.model.day import Day
from dayfile.model.resource import ResourceType

_ERRORS: Final[dict[int, type[DayfileError]]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
}
_DAMAGED_FILE = 20510
"""Code of Dayfile's error for a damaged file, for which trying again does not help."""

_CONNECT_SECONDS = 10.0
_READ_SECONDS = 60.0
_TRIES = 4
_FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 30
_PAGE_SIZE = 30
"""Page size, given explicitly: with its default, Twilio's Days list has been seen to stop silently at ten."""

_URL = "--url"

_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The URL of a server and the credentials of an account."""

    url: str
    username: str
    password: str = field(repr=False)


class BulkExports:
    """The client. Reads are retried if the server is unavailable or busy; writes are not."""

    def __init__(self, login: Login, *, clock: Clock, transport: httpx2.BaseTransport | None = None) -> None:
        url = parse_url(login.url)
        self._clock = clock
        self.username = login.username
        self._auth = httpx2.BasicAuth(login.username, login.password)
        self._http = httpx2.Client(
            base_url=url,
            headers={"User-Agent": f"dayfile/{__version__}", "Accept-Encoding": "identity"},
            timeout=httpx2.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS),
            # A proxy from the environment cannot reach this machine's loopback addresses.
            trust_env=url.host not in _LOCAL_HOSTS,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def create_job(self, resource_type: ResourceType, form: Mapping[str, str]) -> RemoteJob:
        """Submit a custom job and return it; `form` has the parameters as the API spells them."""
        return read_job(self._object(self._ask("POST", f"/v1/Exports/{resource_type}/Jobs", form=form)))

    def jobs(self, resource_type: ResourceType) -> Iterator[RemoteJob]:
        """Return all jobs on the list, in the server's order."""
        return map(read_job, self._pages(f"/v1/Exports/{resource_type}/Jobs", key="jobs"))

    def job(self, sid: str) -> RemoteJob:
        """Fetch a job; raises NotFound."""
        return read_job(self._read(f"/v1/Exports/Jobs/{sid}"))

    def delete_job(self, sid: str) -> None:
        """Cancel a job and take it off the list; raises NotFound."""
        self._ask("DELETE", f"/v1/Exports/Jobs/{sid}")

    def configuration(self, resource_type: ResourceType) -> RemoteConfiguration:
        """Fetch the export configuration of a resource type."""
        return read_configuration(self._read(f"/v1/Exports/{resource_type}/Configuration"))

    def configure(self, resource_type: ResourceType, form: Mapping[str, str]) -> RemoteConfiguration:
        """Change the parameters in `form`, spelled as in the API; return the new configuration."""
        answer = self._ask("POST", f"/v1/Exports/{resource_type}/Configuration", form=form)
        return read_configuration(self._object(answer))

    def days(self, resource_type: ResourceType) -> Iterator[RemoteDay]:
        """Return all published days, in the server's order."""
        return map(read_day, self._pages(f"/v1/Exports/{resource_type}/Days", key="days"))

    def link(self, resource_type: ResourceType, day: Day) -> str:
        """Return a fresh link to the day's file; raises NotFound if the day is not published."""
        answer = self._again(lambda: self._ask("GET", f"/v1/Exports/{resource_type}/Days/{day}"))
        link = self._object(answer).get("redirect_to") or answer.headers.get("location")
        if not isinstance(link, str):
            raise NotBulkExports(f"the server answered {answer.status_code} for the day {day}, with no link in it")
        return link

    def find_manifest(self, resource_type: ResourceType, day: Day) -> RemoteManifest | None:
        """Return the day's manifest, or None if the server has no manifests."""
        try:
            return read_manifest(self._read(f"/v1/Exports/{resource_type}/Days/{day}/Manifest"))
        except (NotFound, NotBulkExports):
            return None

    @contextmanager
    def download(self, link: str, *, start: int = 0, etag: str | None = None) -> Iterator[httpx2.Response]:
        """Provide the response to a link; from byte `start` on, if the file still has the ETag.

        Its status is 200 (the whole file), 206 (the rest of it) or 416 (nothing at `start`). The link is its own
        credential: no others are sent. Raises Corrupt if the file is damaged on the server.
        """
        headers = {"Range": f"bytes={start}-", "If-Range": etag} if start and etag else {}
        with _named_failures(), self._http.stream("GET", link, headers=headers, follow_redirects=True) as answer:
            if answer.status_code not in {200, 206, 416}:
                answer.read()
                raise _refusal(answer)
            yield answer

    def _pages(self, path: str, *, key: str) -> Iterator[Answer]:
        url: str | None = f"{path}?PageSize={_PAGE_SIZE}&Page=0"
        while url:
            page = self._read(url)
            items, meta = page.get(key), page.get("meta")
            if not isinstance(items, list) or not isinstance(meta, dict):
                raise NotBulkExports(
                    f"the server's answer has no list of {key}: is this the URL of a BulkExports server?"
                )
            yield from items
            with _named_failures():
                url = _local_part(meta.get("next_page_url"))

    def _read(self, path: str) -> Answer:
        return self._object(self._again(lambda: self._ask("GET", path)))

    def _ask(self, method: str, path: str, *, form: Mapping[str, str] | None = None) -> httpx2.Response:
        with _named_failures():
            answer = self._http.request(method, path, data=form, auth=self._auth)
        if answer.status_code >= 400:  # noqa: PLR2004 - success is 200, 201, 204 or 307
            raise _refusal(answer)
        return answer

    def _again(self, ask: Callable[[], T]) -> T:
        """Retry a read a few times, with exponential backoff and no less than Retry-After asks for."""
        delay = _FIRST_DELAY_SECONDS
        for _ in range(_TRIES - 1):
            try:
                return ask()
            except (Transient, TooManyRequests) as error:
                asked_for = error.retry_after if isinstance(error, TooManyRequests) else 0
                self._clock.wait(threading.Event(), min(max(delay, asked_for), _LONGEST_DELAY_SECONDS))
                delay *= 2
        return ask()

    def _object(self, answer: httpx2.Response) -> Answer:
        try:
            value = answer.json()
        except ValueError as error:
            raise NotBulkExports(
                f"{answer.url} does not answer in JSON: is this the URL of a BulkExports server?"
            ) from error
        if not isinstance(value, dict):
            raise NotBulkExports(f"{answer.url} does not answer as a BulkExports server does")
        return value


def parse_url(text: str) -> httpx2.URL:
    """Read the URL of a server: scheme, host and port, and nothing behind them. Raises InvalidParameter."""
    try:
        url = httpx2.URL(text.rstrip("/"))
    except httpx2.InvalidURL as error:
        raise InvalidParameter(_URL, "must be the http or https URL of a BulkExports server", text) from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise InvalidParameter(_URL, "must be the http or https URL of a BulkExports server", text)
    if url.userinfo:
        raise InvalidParameter(_URL, "must have no credentials in it: they are --account-sid and --auth-token")
    if url.path.strip("/") or url.query or url.fragment:
        rule = f"must be scheme, host and port, as {url.scheme}://{url.netloc.decode()}, without a path"
        raise InvalidParameter(_URL, rule, text)
    return url


def _local_part(url: object) -> str | None:
    """Return path and query of a page's URL: pages are fetched from the first one's host, whatever host it names."""
    return httpx2.URL(url).raw_path.decode("ascii") if isinstance(url, str) and url else None


@contextmanager
def _named_failures() -> Iterator[None]:
    """Raise Invalid or Transient, with a message, for httpx2's errors in the block."""
    try:
        yield
    except httpx2.InvalidURL as error:
        raise Invalid(f"an address cannot be made of what was given, here or by the server: {error}") from error
    except httpx2.TimeoutException as error:
        raise Transient(f"{_server(error)} did not answer in time") from error
    except httpx2.ConnectError as error:
        raise Transient(f"{_server(error)} cannot be reached: {error}") from error
    except httpx2.RequestError as error:
        raise Transient(f"the connection to {_server(error)} broke: {str(error) or type(error).__name__}") from error


def _server(error: httpx2.RequestError) -> str:
    url = error.request.url
    return f"{url.scheme}://{url.netloc.decode()}"


def _refusal(answer: httpx2.Response) -> DayfileError:
    """Return an error response as the exception that tells the caller what to do."""
    status = answer.status_code
    text = _explanation(answer)
    if status == 429:  # noqa: PLR2004 - Too Many Requests
        after = answer.headers.get("retry-after", "")
        return TooManyRequests(text, retry_after=int(after) if after.isdecimal() else 1)
    if status >= 500:  # noqa: PLR2004 - server errors
        return Corrupt(text) if _body(answer).get("code") == _DAMAGED_FILE else Transient(text)
    return _ERRORS.get(status, Invalid)(text)


def _explanation(answer: httpx2.Response) -> str:
    """Return an error response as one line: its message and code, or else its host and status."""
    body = _body(answer)
    if "message" not in body:
        return f"{answer.url.host} answered {answer.status_code} {answer.reason_phrase}"
    if answer.status_code == 401:  # noqa: PLR2004 - the API's own message is a single word
        known = "the server does not know these credentials: check the account sid and the auth token"
        return f"{known} (401, code {body.get('code')})"
    return f"{body['message']} ({answer.status_code}, code {body.get('code')})"


def _body(answer: httpx2.Response) -> Mapping[str, object]:
    """Return the members of an error response; none if it is not a JSON object."""
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
