"""Requests to a BulkExports server, with its answers and failures as values and errors.

Credentials are sent only to the given server. An error is raised as the type that tells the caller what to do.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, TypeVar

import httpx2

from dayfile import __version__
from dayfile.client.answers import Answer, NotBulkExports
from dayfile.errors import (
    Conflict,
    Corrupt,
    DayfileError,
    Forbidden,
    InFlight,
    Invalid,
    InvalidParameter,
    NotFound,
    TooLarge,
    TooManyRequests,
    Transient,
    Unauthorized,
)

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

_ERRNO = re.compile(r"^\[Errno -?\d+\] ")
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})

T = TypeVar("T")

Wait = Callable[[float], object]
"""A function that waits for so many seconds. One that raises ends what waits."""


class Connection:
    """One server, asked with one login."""

    def __init__(
        self, url: str, username: str, password: str, *, wait: Wait | None, transport: httpx2.BaseTransport | None
    ) -> None:
        address = parse_url(url)
        self.username = username
        self.wait: Wait = wait or threading.Event().wait
        self.server_time: datetime | None = None
        """The server's clock at its latest answer; None if it has not told it yet."""
        self._auth = httpx2.BasicAuth(username, password)
        self._http = httpx2.Client(
            base_url=address,
            headers={"User-Agent": f"dayfile/{__version__}", "Accept-Encoding": "identity"},
            timeout=httpx2.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS),
            # A proxy from the environment cannot reach this machine's loopback addresses.
            trust_env=address.host not in _LOCAL_HOSTS,
            transport=transport,
        )

    def close(self) -> None:
        """Close the connections to the server."""
        self._http.close()

    def ask(self, method: str, path: str, *, form: Mapping[str, str] | None = None) -> httpx2.Response:
        """Send a request and return its answer; raises the error that a status of 400 or more means."""
        with _named_failures():
            answer = self._http.request(method, path, data=form, auth=self._auth)
        self.server_time = _date_of(answer) or self.server_time
        if answer.status_code >= 400:  # noqa: PLR2004 - success is 200, 201, 204 or 307
            raise _refusal(answer)
        return answer

    def send(self, path: str, body: bytes, *, headers: Mapping[str, str]) -> Answer:
        """Send a batch of records and return its receipt, also one in which every line is refused (status 400)."""
        with _named_failures():
            answer = self._http.post(path, content=body, headers=headers, auth=self._auth)
        receipt = _body(answer)
        if answer.status_code >= 400 and "sid" not in receipt:  # noqa: PLR2004 - as above
            raise _refusal(answer)
        return receipt

    def read(self, path: str) -> Answer:
        """Return the JSON object at a path, with retries; raises NotBulkExports if there is something else."""
        return object_of(self.again(lambda: self.ask("GET", path)))

    def pages(self, path: str, *, key: str) -> Iterator[Answer]:
        """Yield the members of a list, page by page."""
        url: str | None = f"{path}?PageSize={_PAGE_SIZE}&Page=0"
        while url:
            page = self.read(url)
            items, meta = page.get(key), page.get("meta")
            if not isinstance(items, list) or not isinstance(meta, dict):
                raise NotBulkExports(
                    f"the server's answer has no list of {key}: is this the URL of a BulkExports server?"
                )
            yield from items
            with _named_failures():
                url = _local_part(meta.get("next_page_url"))

    def again(self, ask: Callable[[], T]) -> T:
        """Send a request that may be repeated up to four times, with exponential backoff that respects Retry-After."""
        delay = _FIRST_DELAY_SECONDS
        for _ in range(_TRIES - 1):
            try:
                return ask()
            except (Transient, TooManyRequests, InFlight) as error:
                asked_for = 0 if isinstance(error, Transient) else error.retry_after
                self.wait(min(max(delay, asked_for), _LONGEST_DELAY_SECONDS))
                delay *= 2
        return ask()

    @contextmanager
    def stream(self, link: str, *, headers: Mapping[str, str]) -> Iterator[httpx2.Response]:
        """Provide the response to a signed link: 200, 206 or 416. No credentials are sent, the link is its own.

        Raises the error that any other status means, Transient if the connection breaks.
        """
        with _named_failures(), self._http.stream("GET", link, headers=headers, follow_redirects=True) as answer:
            if answer.status_code not in {200, 206, 416}:
                answer.read()
                raise _refusal(answer)
            yield answer


def parse_url(text: str, *, name: str = "url", login: str = "account_sid and auth_token") -> httpx2.URL:
    """Read the URL of a server: scheme, host and port, and nothing behind them.

    Raises InvalidParameter, which calls the URL `name` and the places for credentials `login`.
    """
    try:
        url = httpx2.URL(text.rstrip("/"))
    except httpx2.InvalidURL as error:
        raise InvalidParameter(name, "must be the http or https URL of a BulkExports server", text) from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise InvalidParameter(name, "must be the http or https URL of a BulkExports server", text)
    if url.userinfo:
        raise InvalidParameter(name, f"must have no credentials in it: they are {login}")
    if url.path.strip("/") or url.query or url.fragment:
        rule = f"must be scheme, host and port, as {url.scheme}://{url.netloc.decode()}, without a path"
        raise InvalidParameter(name, rule, text)
    return url


def object_of(answer: httpx2.Response) -> Answer:
    """Return the JSON object of an answer; raises NotBulkExports if it is none."""
    try:
        value = answer.json()
    except ValueError as error:
        raise NotBulkExports(
            f"{answer.url} does not answer in JSON: is this the URL of a BulkExports server?"
        ) from error
    if not isinstance(value, dict):
        raise NotBulkExports(f"{answer.url} does not answer as a BulkExports server does")
    return value


def _local_part(url: object) -> str | None:
    """Return path and query of a page's URL: pages are fetched from the first one's host, whatever host it names."""
    return httpx2.URL(url).raw_path.decode("ascii") if isinstance(url, str) and url else None


def _date_of(answer: httpx2.Response) -> datetime | None:
    try:
        return parsedate_to_datetime(answer.headers.get("date", "")).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


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
        cause = _ERRNO.sub("", str(error))
        raise Transient(f"{_server(error)} cannot be reached ({cause}): is it running, at this address?") from error
    except httpx2.RequestError as error:
        raise Transient(f"the connection to {_server(error)} broke: {str(error) or type(error).__name__}") from error


def _server(error: httpx2.RequestError) -> str:
    url = error.request.url
    return f"{url.scheme}://{url.netloc.decode()}"


def _refusal(answer: httpx2.Response) -> DayfileError:
    """Return an error response as the exception that tells the caller what to do."""
    status = answer.status_code
    text = _explanation(answer)
    after = answer.headers.get("retry-after", "")
    if status == 429:  # noqa: PLR2004 - Too Many Requests
        return TooManyRequests(text, retry_after=int(after) if after.isdecimal() else 1)
    if status == 409 and after.isdecimal():  # noqa: PLR2004 - Conflict, with a request that is still being worked on
        return InFlight(text, retry_after=int(after))
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
