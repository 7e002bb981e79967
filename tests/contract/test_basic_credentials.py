"""Basic credentials mean the same to the API and to the pages."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import httpx2
import pytest

from dayfile.api.app import create_app
from dayfile.console.page import console_page
from dayfile.model.credential import Scope
from dayfile.service import Service
from dayfile.settings import Settings
from tests.support.face import NO_DELAYS
from tests.support.recorded_log import RecordedLog, recorded_log
from tests.support.server import serving

RIGHT, WRONG, MISSING = (200, False), (401, True), (401, False)
"""Status of the answer, and whether it counts as a failed login, which is delayed."""


class Server:
    """A running server with both faces, and an operator's key."""

    def __init__(self, service: Service, url: str, log: RecordedLog) -> None:
        new = service.administration.create_key(account=None, scopes=[Scope.ACCOUNTS])
        self._placed = {b"SID": new.key.sid.encode(), b"SECRET": new.secret.encode()}
        self._url = url
        self._log = log

    def ask(self, path: str, authorization: list[bytes]) -> tuple[int, bool]:
        """Send these Authorization headers; the status, and whether a login failed."""
        headers = [(b"Authorization", value) for value in map(self._encoded, authorization)]
        answer = httpx2.get(self._url + path, headers=headers)
        return answer.status_code, "login.failed" in [event["event"] for event in self._log.until(answer)]

    def _encoded(self, value: bytes) -> bytes:
        """A header in which SID and SECRET stand for the key, encoded after the word Basic."""
        scheme, basic, credentials = value.rpartition(b"asic ")
        if not basic:
            return value
        for name, placed in self._placed.items():
            credentials = credentials.replace(name, placed)
        return scheme + basic + base64.b64encode(credentials)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests."""
    with Service.open(Settings.read(data_dir=tmp_path_factory.mktemp("basic"))) as service, recorded_log() as log:
        app = create_app(service.context, pages=console_page(service.context), delay_rule=NO_DELAYS)
        with serving(lambda _: app) as url:
            yield Server(service, url, log)


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        ([], MISSING),
        ([b""], MISSING),
        ([b"Basic SID:SECRET"], RIGHT),
        ([b"basic SID:SECRET"], RIGHT),
        ([b"Basic SID:SECRET "], WRONG),  # a space is part of a secret
        ([b"Basic SID:wrong"], WRONG),
        ([b"Basic SID"], WRONG),  # no colon
        ([b"Basic :"], WRONG),
        ([b"Basic SID:\xff"], WRONG),  # not UTF-8
        ([b"Basic S\xc3\xad:SECRET"], WRONG),  # a user name beyond ASCII
        ([b"Basic"], WRONG),
        ([b"Basic=\xe9"], WRONG),  # no ASCII, no base64
        ([b"Bearer !!!"], WRONG),
        ([b"Basic SID:SECRET", b"Basic SID:wrong"], RIGHT),
        ([b"Basic SID:wrong", b"Basic SID:SECRET"], WRONG),
        ([b"Bearer x", b"Basic SID:SECRET"], WRONG),
    ],
)
@pytest.mark.parametrize("path", ["/v1/Accounts", "/operator"])
def test_both_faces_read_credentials_alike(
    server: Server, path: str, *, authorization: list[bytes], expected: tuple[int, bool]
) -> None:
    """A login that only one of them accepts, or counts, is a way around the delays of failed logins."""
    assert server.ask(path, authorization) == expected
