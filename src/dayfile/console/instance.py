"""The instance as the page sees it."""

from __future__ import annotations

from typing import Protocol

from dayfile.accounts.authenticate import Authenticator
from dayfile.accounts.sessions import Sessions
from dayfile.clock import Clock
from dayfile.files.storage import Storage
from dayfile.store.database import Database
from dayfile.web.client_address import TrustedProxies
from dayfile.work.vitals import Vitals


class Instance(Protocol):
    """The parts of an instance that the page uses. It changes nothing but sessions."""

    @property
    def database(self) -> Database:
        """The state database."""
        ...

    @property
    def storage(self) -> Storage:
        """The object storage."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...

    @property
    def authenticator(self) -> Authenticator:
        """The check of credentials."""
        ...

    @property
    def sessions(self) -> Sessions:
        """The sessions of signed-in operators."""
        ...

    @property
    def public_url(self) -> str:
        """The base URL at which clients reach this server."""
        ...

    @property
    def vitals(self) -> Vitals:
        """The vital signs: workers, overdue work, free space, and what else an operator has to look at."""
        ...

    @property
    def trusted_proxies(self) -> TrustedProxies:
        """The proxies whose X-Forwarded-For is believed."""
        ...
