"""Requests that must be refused: sent byte for byte as they are written, and without a trace afterwards."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.support.intake_server import Server

FORM = "application/x-www-form-urlencoded"


class Refusal(NamedTuple):
    """The answer to a request that was refused."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]

    @property
    def code(self) -> int:
        """Return the code of the error."""
        return int(self.body["code"])

    @property
    def message(self) -> str:
        """The same in words."""
        return str(self.body["message"])


def ask(
    server: Server,
    method: str,
    path: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    login: tuple[str, str] | None = None,
) -> Refusal:
    """Send a request as the account, its path as it is written: a client of the better kind would put it right first.

    Fails unless the answer is an error of the one shape.
    """
    with closing(http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)) as connection:
        basic = base64.b64encode(":".join(login or server.account).encode()).decode()
        kind = {"Content-Type": FORM} if body is not None else {}
        connection.request(
            method, path, body=body, headers={"Authorization": f"Basic {basic}", **kind, **(headers or {})}
        )
        answer = connection.getresponse()
        text = answer.read()
        sent = {name.lower(): value for name, value in answer.getheaders()}
    told: dict[str, Any] = json.loads(text) if text else {}
    assert list(told) == ["code", "message", "more_info", "status"], (method, path, answer.status, text)
    assert sent["content-type"] == "application/json"
    assert told["status"] == answer.status
    assert told["more_info"].endswith(f"/errors/{told['code']}")
    return Refusal(answer.status, told, sent)


@contextmanager
def nothing_changes(server: Server) -> Iterator[None]:
    """Fails when anything at all is different in the state database afterwards."""
    before = _state(server)
    yield
    assert _state(server) == before, "the request was refused and left something behind"


def _state(server: Server) -> str:
    path = server.service.settings.database.removeprefix("sqlite:///")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return hashlib.sha256("\n".join(database.iterdump()).encode()).hexdigest()
