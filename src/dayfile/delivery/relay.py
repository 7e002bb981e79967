"""Settings of outgoing e-mail: the relay and the sender."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import formataddr, parseaddr
from enum import Enum
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from dayfile.errors import Unusable

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_ADDRESS = re.compile(r"[!-~]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*", re.ASCII)


class Encryption(Enum):
    """The encryption of the connection to the relay, by the scheme of its URL."""

    NONE = "smtp"
    STARTTLS = "smtp+starttls"
    TLS = "smtps"


_PORTS: Final = {Encryption.NONE: 25, Encryption.STARTTLS: 587, Encryption.TLS: 465}


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """User and password at the relay."""

    user: str
    password: str

    def __repr__(self) -> str:
        return "Login(...)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """The SMTP server that forwards e-mail."""

    encryption: Encryption
    host: str
    port: int
    login: Login | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The sender of e-mail: a name, which may be empty, and an address."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        """The part of the address after the at sign."""
        return self.address.rpartition("@")[2]

    def __str__(self) -> str:
        return formataddr((self.name, self.address))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailing:
    """The e-mail settings of an instance."""

    relay: Relay | None  # None: it stays in the folder
    folder: Path
    sender: Sender
    public_url: str  # of this server, for links in letters


def parse_relay(text: str) -> Relay:
    """Parse `SCHEME://[USER:PASSWORD@]HOST[:PORT]`, a scheme of Encryption; raises Unusable, naming no secrets."""
    try:
        parts = urlsplit(text)
        encryption, port = Encryption(parts.scheme), parts.port
    except ValueError as error:
        raise Unusable("must be smtp://HOST:PORT, smtp+starttls://HOST:PORT or smtps://HOST:PORT") from error
    if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment or port == 0:
        raise Unusable("must have a host, perhaps a port, and nothing behind them")
    login = _login(parts)
    if login is not None and encryption is Encryption.NONE and parts.hostname not in _LOOPBACK:
        raise Unusable("would send the password in clear text: use smtp+starttls:// or smtps://")
    return Relay(encryption=encryption, host=parts.hostname, port=port or _PORTS[encryption], login=login)


def parse_sender(text: str) -> Sender:
    """Parse `exports@example.com` or `Exports <exports@example.com>`; raises Unusable."""
    name, address = parseaddr(text)
    if not _ADDRESS.fullmatch(address) or any(not character.isprintable() for character in text):
        raise Unusable("must be an e-mail address such as exports@example.com or Exports <exports@example.com>")
    return Sender(name=name, address=address)


def _login(parts: SplitResult) -> Login | None:
    if parts.username is None and parts.password is None:
        return None
    if not parts.username or not parts.password:
        raise Unusable("must have both a user and a password, or neither; percent-encode what is special in them")
    return Login(user=unquote(parts.username), password=unquote(parts.password))
