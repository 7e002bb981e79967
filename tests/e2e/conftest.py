"""Servers for the stories that need one of their own: the one that records are sent to, and the console."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from tests.support.customer_console import Customer, CustomerConsole, console_for_customers
from tests.support.intake_server import Server, served


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of a module that need no other settings."""
    with served(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CustomerConsole]:
    """A console for all tests of a module; each makes an account of its own if it changes anything."""
    folder = tmp_path_factory.mktemp("console")
    with console_for_customers(folder, webhook_allow="127.0.0.0/8") as console:
        yield console


@pytest.fixture(scope="module")
def acme(console: CustomerConsole) -> Customer:
    """An account with something of everything."""
    return console.customer()


@pytest.fixture
def browser(console: CustomerConsole, acme: Customer) -> Iterator[httpx2.Client]:
    """The browser in which it is signed in."""
    with console.signed_in(acme.login) as browser:
        yield browser
