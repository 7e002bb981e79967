"""The server that a customer's command speaks to, and the login for it: from options, the environment, or `.env`."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dayfile.environment import CUSTOMER_NAMES, FILE, PREFIX, read_file
from dayfile.errors import InvalidParameter

if TYPE_CHECKING:
    from dayfile.client.client import Client

_OPTIONS: Final = dict(zip(CUSTOMER_NAMES, ("--url", "--account-sid", "--auth-token"), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The URL of a server and the credentials of an account."""

    url: str
    username: str
    password: str = field(repr=False)


def server_at(url: str | None, account_sid: str | None, auth_token: str | None) -> Client:
    """Return the BulkExports server at an address, as one account sees it; nothing is asked of it yet.

    What is not given is read from `.env`. Raises InvalidParameter that tells everything that is wrong at the same time.
    """
    from dayfile.client.client import Client

    login = read_login(url, account_sid, auth_token)
    return Client(login.url, login.username, login.password)


def read_login(url: str | None, account_sid: str | None, auth_token: str | None) -> Login:
    """Return the login that was given in options or variables, completed from `.env`; raises as `server_at` does."""
    from dayfile.client.connection import parse_url

    file = read_file(FILE)
    # A value that was read from a file ends with a line feed, which is part of no login.
    found = {
        name: (given or file.get(name) or "").strip()
        for name, given in zip(CUSTOMER_NAMES, (url, account_sid, auth_token), strict=True)
    }
    problems = [
        f"{_OPTIONS[name]}, or {name} in the environment or in .env, is missing"
        for name, text in found.items()
        if not text
    ]
    where, username, password = found.values()
    if where:
        try:
            parse_url(where, name="--url", login="--account-sid and --auth-token")
        except InvalidParameter as error:
            problems.append(f"{error} (DAYFILE_URL)")
    problems += [
        f"{_OPTIONS[name]} ({name}) must not have white space in it"
        for name, text in list(found.items())[1:]
        if any(character.isspace() for character in text)
    ]
    problems += _misspelled()
    if problems:
        raise InvalidParameter("the login", "".join(["cannot be used:", *(f"\n  {one}" for one in problems)]))
    return Login(url=where, username=username, password=password)


def _misspelled() -> tuple[str, ...]:
    """Names that are no settings, where any but a customer's own are set."""
    set_here = {name.upper() for name in (*os.environ, *read_file(FILE)) if name.upper().startswith(PREFIX)}
    if set_here <= set(CUSTOMER_NAMES):
        return ()
    # Loaded only then: everything that a setting can be about hangs from it.
    from dayfile.settings import Settings

    return Settings.names().mistakes
