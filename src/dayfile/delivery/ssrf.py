"""SSRF protection: webhooks go only to public addresses and to networks that the operator allows.

The URL is the customer's and the machine is the operator's: without this check, a customer could read what only this
machine can reach. A URL is parsed once, so that the same parts are checked, connected to and signed: parsers disagree
about unusual URLs, and every disagreement is a way round a check, so only plain ones pass. Then a name is resolved
once, each of its addresses is checked, and the connection is made to a checked one, so DNS rebinding gains nothing.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, Protocol
from urllib.parse import SplitResult, urlsplit

from dayfile.errors import Invalid, Transient

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

SUBMIT_SECONDS: Final = 2.0
"""Time limit for resolving a name while a customer waits; a slower name is only checked when it is called."""

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

# Copied from IANA's registries of special-purpose addresses: Python's `is_global` changes with its releases.
_SPECIAL_IPV4: Final = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network, and the unspecified address
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared with the customers of a carrier (CGNAT)
        "127.0.0.0/8",  # this machine
        "168.63.129.16/32",  # Azure's own services, as each of its machines sees them
        "169.254.0.0/16",  # this link, and the metadata of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # relays to 6to4
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # measurements inside a network
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
# The only part of IPv6 that is allocated. Loopback, private, link-local, multicast, and addresses that embed an IPv4
# address (mapped, compatible, locally translated) are outside of it.
_GIVEN_OUT_IPV6: Final = IPv6Network("2000::/3")
_SPECIAL_IPV6: Final = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, among them Teredo, which embeds an IPv4 address
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which embeds an IPv4 address
        "3fff::/20",  # documentation
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")  # the IPv4 Internet as seen from networks that have only IPv6


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


class UnresolvedName(Transient):
    """A host name that has no address now; it may have one later."""


class Resolver(Protocol):
    """A source of the addresses of host names."""

    def resolve(self, host: str, *, seconds: float) -> Sequence[str]:
        """Return the addresses of a name, as text; raises UnresolvedName if it has none, or none within `seconds`."""
        ...


class Destinations:
    """The rule of where webhooks may go: public addresses, and the networks in `allow`."""

    def __init__(self, *, allow: Sequence[Network], resolver: Resolver) -> None:
        self._allow = tuple(allow)
        self._resolver = resolver

    def check(self, url: str) -> Destination:
        """Return the destination of a URL; raises RefusedDestination if webhooks may not go there.

        A name that does not resolve now passes: name servers fail at times, and every attempt checks it again.
        """
        destination = parse_destination(url)
        with contextlib.suppress(UnresolvedName):
            self.addresses(destination.host, seconds=SUBMIT_SECONDS)
        return destination

    def addresses(self, host: str, *, seconds: float) -> tuple[Address, ...]:
        """Return the addresses of a host, all of them checked; raises RefusedDestination or UnresolvedName."""
        try:
            found: tuple[Address, ...] = (ip_address(host),)
        except ValueError:
            found = tuple(ip_address(text) for text in self._resolver.resolve(host, seconds=seconds))
        if not all(map(self.permits, found)):
            # The address is not named: customers must not learn the addresses of the operator's own network.
            raise RefusedDestination("must lead to public addresses only")
        return tuple(dict.fromkeys(found))

    def permits(self, address: Address) -> bool:
        """Return True if webhooks may go to the address."""
        return is_public(address) or any(address in network for network in self._allow)


def is_public(address: Address) -> bool:
    """Return True if the address is reachable from the whole Internet and not reserved for a special purpose."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_IPV4)
    if address in _NAT64:
        return is_public(IPv4Address(address.packed[-4:]))
    return address in _GIVEN_OUT_IPV6 and not any(address in network for network in _SPECIAL_IPV6)


class SystemResolver:
    """The resolver of this machine. It has no time limit, so it is called in threads that can be abandoned."""

    def __init__(self, *, lookups: int = 64) -> None:
        self._free = threading.BoundedSemaphore(lookups)

    def resolve(self, host: str, *, seconds: float) -> Sequence[str]:
        if not self._free.acquire(blocking=False):
            raise UnresolvedName("too many host names wait for the name servers")
        answer: Future[list[str]] = Future()
        # A daemon thread, so that a process can stop while a name server does not answer.
        threading.Thread(target=self._look_up, args=(host, answer), name="lookup", daemon=True).start()
        try:
            return answer.result(timeout=seconds)
        except TimeoutError as error:
            raise UnresolvedName("the name servers took too long to resolve the host name") from error
        except (OSError, UnicodeError) as error:  # UnicodeError for names that cannot be encoded for DNS
            raise UnresolvedName("the host name does not resolve") from error

    def _look_up(self, host: str, answer: Future[list[str]]) -> None:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            answer.set_result([str(address[0]) for *_, address in found])
        except BaseException as error:  # noqa: BLE001 - it is raised again where the answer is waited for
            answer.set_exception(error)
        finally:
            self._free.release()


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
