"""What the page needs of the instance that it shows."""

from __future__ import annotations

from typing import Protocol

from dayfile.accounts.authenticate import Authenticator
from dayfile.accounts.sessions import Sessions
from dayfile.clock import Clock
from dayfile.files.storage import Storage
from dayfile.store.database import Database
from dayfile.web.client_address import TrustedProxies


class Instance(Protocol):
    """The parts of an instance that the page reads; all that it changes are sessions."""

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
        """Who knows whose credentials these are."""
        ...

    @property
    def sessions(self) -> Sessions:
        """Who has signed in."""
        ...

    @property
    def public_url(self) -> str:
        """What clients call this server."""
        ...

    @property
    def trusted_proxies(self) -> TrustedProxies:
        """The proxies that are believed when they say who asks them."""
        ...
