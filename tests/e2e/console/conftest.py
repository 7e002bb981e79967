"""A console, an account of it and its browser, for all who try the pages."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from tests.support.customer_console import Customer, CustomerConsole, console_for_customers


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
