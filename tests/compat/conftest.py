"""A server for Twilio's clients to talk to, and each of them as a customer who does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.compat.client import TWILIO, ApiClient, Place
from tests.compat.installed import CLIENTS
from tests.support.face import Face, Login, served_face
from tests.support.front import Front, in_front_of
from tests.support.server import serving


@dataclass(frozen=True, kw_only=True)
class Customer:
    """Somebody with an account and one of the clients."""

    client: ApiClient
    place: Place
    login: Login
    base: str  # what addresses in answers begin with

    def __call__(self, operation: str, *words: str, **options: Any) -> Any:
        """Call an operation as this client has it."""
        return self.client.call(self.place, self.login, operation, *words, **options)


@pytest.fixture(scope="session")
def ready_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], ApiClient]]:
    """Clients by name: each is started once, when it is first asked for."""
    started: dict[str, ApiClient] = {}

    def ready(name: str) -> ApiClient:
        if name not in started:
            started[name] = CLIENTS[name].ready(tmp_path_factory.mktemp("home"))
        return started[name]

    yield ready
    for client in started.values():
        client.close()


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Face]:
    """One instance for all tests of a file, at an address of its own."""
    with served_face(tmp_path_factory.mktemp("face"), quota_days=0) as face:
        yield face


@pytest.fixture(scope="module")
def front(face: Face, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """The same instance at Twilio's address, for those who are led there."""
    host = str(urlsplit(TWILIO).hostname)
    with (
        serving(lambda _: face.app(public_url=TWILIO)) as url,
        in_front_of(url, host=host, folder=tmp_path_factory.mktemp("front")) as front,
    ):
        yield front
        assert front.refused == [], "a client asked for other hosts than Twilio's"


@pytest.fixture
def acme(face: Face) -> Login:
    """An account that nobody else uses."""
    return face.account()


@pytest.fixture
def customer(client_name: str, face: Face, acme: Login, request: pytest.FixtureRequest) -> Customer:
    """The account's owner with the client that the test is about."""
    client: ApiClient = request.getfixturevalue("ready_client")(client_name)
    if CLIENTS[client_name].takes_base_url:
        return Customer(client=client, place=Place(url=face.url, environment={}), login=acme, base=face.url)
    front: Front = request.getfixturevalue("front")
    return Customer(client=client, place=Place(url=None, environment=front.environment), login=acme, base=TWILIO)
