"""Webhook destinations: a URL is parsed once, so that the same parts are checked, connected to and signed.

URL parsers disagree about unusual URLs, and every disagreement is a way round a check. So only plain ones pass.
`addresses.py` checks the addresses of a host.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from dayfile.errors import Invalid

DEFAULT_PORTS: Final = {"http": 80, "https": 443}

OTHER_PROTOCOLS: Final = frozenset(
    {1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, *range(6665, 6670), 6679, 6697, 10080}
)
"""Ports from 1024 on that browsers block, too (the "bad ports" of the Fetch standard): SIP, NFS, X11, IRC, ..."""

_LEAST_FREE_PORT = 1024  # below it are the well-known ports, of which only 80 and 443 are HTTP
_LONGEST_NAME = 253

_PRINTABLE = re.compile(r"[!-~]+", re.ASCII)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)", re.ASCII)  # what browsers take for an IPv4 address, not a name


class RefusedDestination(Invalid):
    """A URL that webhooks may not go to; `rule` says why, beginning with "must"."""

    def __init__(self, rule: str) -> None:
        super().__init__(f"the URL of a webhook {rule}")
        self.rule = rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """The parts of a URL that passed every check of its text; its addresses are not checked yet."""

    scheme: str
    host: str  # a name in lower case, or an address without brackets
    port: int
    path: str  # at least a slash
    query: str  # without its question mark

    @property
    def authority(self) -> str:
        """Host and port as in the Host header: without the scheme's default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def target(self) -> str:
        """Path and query as in the request line."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def url(self) -> str:
        """The whole URL as the receiver reconstructs it to check a signature."""
        return f"{self.scheme}://{self.authority}{self.target}"


def parse_destination(text: str) -> Destination:
    """Parse an absolute URL; drop its fragment, which is never sent. Raises RefusedDestination."""
    if not _PRINTABLE.fullmatch(text):
        raise RefusedDestination("must be ASCII without spaces")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise RefusedDestination("must have a host and, if any, a port from 1 to 65535") from error
    if parts.scheme not in DEFAULT_PORTS:
        raise RefusedDestination("must begin with http:// or https://")
    if "@" in parts.netloc:
        raise RefusedDestination("must not contain a user name or password")
    return Destination(
        scheme=parts.scheme,
        host=_host(parts),
        port=_checked_port(DEFAULT_PORTS[parts.scheme] if port is None else port),
        path=parts.path or "/",
        query=parts.query,
    )


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if parts.netloc.startswith("["):
        return _checked_ipv6(host)
    if _NUMBER.fullmatch(host):
        return _checked_ipv4(host)
    if len(host) > _LONGEST_NAME or not _NAME.fullmatch(host):
        raise RefusedDestination("must have a host name of letters, digits and hyphens, without a dot at its end")
    return host


def _checked_ipv4(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except ValueError as error:
        raise RefusedDestination("must spell an IPv4 address as four decimal numbers") from error


def _checked_ipv6(text: str) -> str:
    try:
        address = IPv6Address(text)
    except ValueError as error:
        raise RefusedDestination("must have an IPv6 address between its brackets") from error
    if address.scope_id is not None:
        raise RefusedDestination("must not contain the zone of an IPv6 address")
    return str(address)


def _checked_port(port: int) -> int:
    if port in DEFAULT_PORTS.values() or (port >= _LEAST_FREE_PORT and port not in OTHER_PROTOCOLS):
        return port
    raise RefusedDestination("must have port 80, 443, or one from 1024 on that no other protocol is known for")
