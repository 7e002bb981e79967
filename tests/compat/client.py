"""The few words that all of Twilio's clients are called with here, whatever language they are in.

`call(place, login, "fetch_day", "Messages", "2026-11-01")` is the line that a customer would write. What comes back is
the resource as the client shows it, with its members by their names in the API; an error of the API is a Refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from dayfile.model.account import AccountSid
from tests.support.face import Login

TWILIO = "https://bulkexports.twilio.com"

NOBODY = Login(sid=AccountSid("AC" + "0" * 32), username="AC" + "0" * 32, password="none")

_PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"})


class Refused(Exception):
    """The error that a client made of the server's; without a code it was no server of this API."""

    def __init__(self, *, status: int, message: str, code: int | None = None) -> None:
        super().__init__(f"{status} {code} {message}")
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True, kw_only=True)
class Place:
    """The address of a client: a base URL that it is told, or an environment in which Twilio's own leads there."""

    url: str | None
    environment: Mapping[str, str]


class ApiClient(Protocol):
    """One version of one client."""

    def call(self, place: Place, login: Login, operation: str, *words: str, **options: Any) -> Any:
        """Return the client's answer to an operation; raises Refused for an error of the API."""
        ...

    def version(self) -> str:
        """The version that it says it is."""
        ...

    def close(self) -> None:
        """Let go of its process, where it has one."""
        ...


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a client: nothing of the developer's that would lead it elsewhere."""
    kept = {name: value for name, value in os.environ.items() if name.upper() not in _PROXIES}
    return kept | dict(variables)


def by_api_names(shown: Any) -> Any:
    """A resource, or a list of them, with names such as `jobSid` as the API spells them.

    A name that has an underscore already was no property of the library's resource, and is left out: whoever looks for
    it there finds nothing either.
    """
    if isinstance(shown, list):
        return [by_api_names(one) for one in shown]
    if isinstance(shown, dict):
        return {_snake_case(name): by_api_names(value) for name, value in shown.items() if "_" not in name}
    return shown


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z])[A-Z]", lambda letter: f"_{letter[0]}", name).lower()
