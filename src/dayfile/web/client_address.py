"""Addresses of clients, including clients behind proxies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MOST_PROXIES = 32
"""Entries of X-Forwarded-For that are read, from the right: a chain of proxies has a few."""

_IPV6_GROUP_BITS = 64  # what a provider gives one customer, at least

# Listed here instead of asking `is_private`, which also counts addresses for documentation, reserved ones, and whatever
# the Python of the day adds. 100.64.0.0/10 is the inside of carriers and clouds, where load balancers are.
_LOCAL = tuple(
    map(
        ip_network,
        (
            "127.0.0.0/8",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.0.0/16",
            "100.64.0.0/10",
            "::1/128",
            "fe80::/10",
            "fc00::/7",
        ),
    )
)
# 192.0.2.1:443, [2001:db8::1]:443 and [2001:db8::1]; an IPv6 address without brackets has no port.
_WITH_PORT = re.compile(r"(?:(?P<ipv4>[0-9.]+):[0-9]{1,5}|\[(?P<ipv6>[^\[\]]+)\](?::[0-9]{1,5})?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """Proxies whose X-Forwarded-For is believed. Without networks, no proxy is."""

    networks: tuple[Network, ...] = ()

    def client_of(self, peer: str, forwarded_for: Sequence[str]) -> str:
        """Return the address of the client: that of the peer, unless the peer is a trusted proxy.

        `forwarded_for` holds the values of the X-Forwarded-For lines, in order. Each proxy appends the address of its
        own peer on the right, and whatever is further left was sent by that peer: so the client is the rightmost
        address that is not a trusted proxy, or the leftmost if all are. An entry that is not an address ends the
        search at the address to its right. IPv6 zones are dropped, and IPv4-mapped IPv6 addresses become IPv4; a peer
        that is not an address is returned unchanged.
        """
        found = _find_address(peer)
        if found is None:
            return peer
        if not (self.networks and forwarded_for):
            return _shown(peer)
        for entry in reversed(",".join(forwarded_for).rsplit(",", MOST_PROXIES)[-MOST_PROXIES:]):
            if not self._trusts(found) or (before := _find_address(entry)) is None:
                break
            found = before
        return str(found)

    def trusts(self, peer: str) -> bool:
        """Return True if a peer is a trusted proxy."""
        found = _find_address(peer)
        return found is not None and self._trusts(found)

    def is_one_client(self, peer: str) -> bool:
        """Return True if all connections from a peer belong to one client, so that limits per client apply to them.

        A trusted proxy serves many clients. If no proxy is configured, any local peer may be one.
        """
        return not self.trusts(peer) and (bool(self.networks) or not is_local(peer))

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


def group_of(address: str) -> str:
    """Return the key that all addresses of one client share: the IPv4 address, or the /64 network of an IPv6 address.

    Text that is not an address is a group of its own.
    """
    found = _find_address(address)
    if found is None:
        return address
    return str(found if found.version == 4 else ip_network((found, _IPV6_GROUP_BITS), strict=False))  # noqa: PLR2004


def is_local(address: str) -> bool:
    """Return True if a peer is local: loopback, private, link-local, or without an address, as on a Unix socket.

    A proxy that is not configured as trusted may have such an address, so many clients may share it.
    """
    found = _find_address(address)
    return found is None or any(found in network for network in _LOCAL)


@lru_cache(maxsize=4096)  # as below
def _shown(peer: str) -> str:
    return str(_find_address(peer))


@lru_cache(maxsize=4096)  # a peer is asked for with each of its requests
def _find_address(text: str) -> Address | None:
    text = text.strip()
    if (with_port := _WITH_PORT.fullmatch(text)) is not None:
        text = with_port["ipv4"] or with_port["ipv6"]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    # Drop the zone: it names an interface of the machine that wrote it, and a client can put any text there.
    return address.ipv4_mapped or IPv6Address(int(address))
