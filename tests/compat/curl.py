"""curl, as documents and scripts have it, with and without -L."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

from tests.compat.client import TWILIO, Place, Refused, environment
from tests.support.face import Login

PATIENCE_SECONDS = 60

ADDRESSES: Mapping[str, str] = {
    "fetch_export": "/v1/Exports/{}",
    "fetch_configuration": "/v1/Exports/{}/Configuration",
    "update_configuration": "/v1/Exports/{}/Configuration",
    "list_days": "/v1/Exports/{}/Days",
    "stream_days": "/v1/Exports/{}/Days",
    "fetch_day": "/v1/Exports/{}/Days/{}",
    "list_jobs": "/v1/Exports/{}/Jobs",
    "create_job": "/v1/Exports/{}/Jobs",
    "fetch_job": "/v1/Exports/Jobs/{}",
    "delete_job": "/v1/Exports/Jobs/{}",
}

LISTS = ("list_days", "stream_days", "list_jobs")


class Curl:
    """With these options on every call; with -L among them a day is its file."""

    def __init__(self, *options: str) -> None:
        self._options = options

    def call(self, place: Place, login: Login, operation: str, *words: str, **options: Any) -> Any:
        url = (place.url or TWILIO) + ADDRESSES[operation].format(*words)
        if operation in LISTS:
            return self._walk(place, login, url, **options)
        body = self._ask(place, login, url, *_words(operation, options))
        if operation == "fetch_day" and "-L" in self._options:
            return body
        return json.loads(body) if body else True

    def version(self) -> str:
        told = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True)  # noqa: S607 - any
        return told.stdout.split()[1]

    def close(self) -> None:
        """No process stays."""

    def _walk(self, place: Place, login: Login, url: str, *, page_size: int = 0, limit: int | None = None) -> list[Any]:
        """Page by page, as a script does it."""
        size = page_size or limit
        following: str | None = f"{url}?PageSize={size}" if size else url
        items: list[Any] = []
        while following and (limit is None or len(items) < limit):
            page = json.loads(self._ask(place, login, following))
            items += page[page["meta"]["key"]]
            following = page["meta"]["next_page_url"]
        return items[:limit]

    def _ask(self, place: Place, login: Login, url: str, *words: str) -> bytes:
        done = subprocess.run(
            [
                *("curl", "--silent", "--show-error", *self._options),
                *("-u", f"{login.username}:{login.password}", "--write-out", "\n%{http_code}", *words, url),
            ],
            env=environment(place.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=PATIENCE_SECONDS,
        )
        body, _, status = done.stdout.rpartition(b"\n")
        if int(status) >= 400:
            told = json.loads(body)
            raise Refused(status=int(status), code=told["code"], message=told["message"])
        return body


def _words(operation: str, options: Mapping[str, Any]) -> Iterator[str]:
    if operation == "delete_job":
        yield from ("-X", "DELETE")
    if operation == "update_configuration" and not options:
        yield from ("-d", "")
    for name, value in options.items():
        spelled = "".join(part.capitalize() for part in name.split("_"))
        text = str(value).lower() if isinstance(value, bool) else str(value)
        yield from ("--data-urlencode", f"{spelled}={text}")
