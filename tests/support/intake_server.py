"""The real service behind a real server, and clients that send records to it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from dayfile.api.app import create_app
from dayfile.model.credential import Scope
from dayfile.model.secret import Randomness
from dayfile.overrides import Overrides
from dayfile.service import Service
from dayfile.settings import Settings
from tests.support.clock import FakeClock
from tests.support.face import NO_DELAYS
from tests.support.intake import Place
from tests.support.recorded_log import RecordedLog, recorded_log
from tests.support.server import serving
from tests.support.told import NamesOf

PATH = "/v1/Records/Messages"
DAY = "2026-11-01"
MAX_BODY_BYTES = 20 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server and who may use it."""

    service: Service
    clock: FakeClock
    url: str
    operator: tuple[str, str]
    account: tuple[str, str]
    client: httpx2.Client
    place: Place  # what is on its disk
    log: RecordedLog

    def post(self, body: bytes | Iterator[bytes], *, path: str = PATH, **headers: str) -> httpx2.Response:
        """Send a batch as the operator; underscores in header names are hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(path, content=body, headers=named, auth=self.operator)

    def waiting(self, account: str) -> list[str]:
        """The bodies of an account's messages that wait."""
        lines = (json.loads(line) for line in self.place.waiting().get(DAY, []))
        return [line["body"] for line in lines if line["account_sid"] == account]

    def new_account(self) -> str:
        """An account that no other test uses."""
        return self.service.administration.create_account().account.sid


@contextmanager
def served(folder: Path, *, randomness: Randomness | None = None, **settings: Any) -> Iterator[Server]:
    """The service on a new instance."""
    read = Settings.read(data_dir=folder, max_body_bytes=MAX_BODY_BYTES, **settings)
    # The real resolver asks name servers, which are beyond this machine.
    clock = FakeClock()
    overrides = Overrides(clock=clock, randomness=randomness, resolver=NamesOf({}))
    with Service.open(read, overrides) as service, recorded_log() as log:
        administration = service.administration
        key = administration.create_key(account=None, scopes=[Scope.INTAKE])
        account = administration.create_account()
        place = Place(folder)
        # Its clock stands still, so that failed logins would never be forgotten.
        app = create_app(service.context, delay_rule=NO_DELAYS)
        with serving(lambda _: app) as url, httpx2.Client(base_url=url, timeout=60) as client:
            yield Server(
                service=service,
                clock=clock,
                url=url,
                client=client,
                operator=(key.key.sid, key.secret),
                account=(account.account.sid, account.auth_token),
                place=place,
                log=log,
            )
        place.database.close()


class SlowRequest:
    """A request on a socket of its own, sent piece by piece."""

    def __init__(self, server: Server, *, length: int, key: str) -> None:
        address = urlsplit(server.url)
        basic = httpx2.BasicAuth(*server.operator)._auth_header
        self.socket = socket.create_connection((address.hostname, address.port), timeout=60)
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: {basic}\r\nIdempotency-Key: {key}\r\n"
        self.socket.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode())

    def finish(self) -> str:
        """The first line of the answer."""
        with self.socket, self.socket.makefile("rb") as answer:
            return answer.readline().decode()
