from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dayfile.web.client_address import MOST_PROXIES, TrustedProxies, group_of, is_local

PROXIES = TrustedProxies((ip_network("10.0.0.0/8"), ip_network("fd00:10::/32")))

trusted = st.ip_addresses(network="10.0.0.0/8") | st.ip_addresses(network="fd00:10::/32")
clients = (st.ip_addresses(v=4) | st.ip_addresses(network="2000::/3")).filter(
    lambda address: not any(address in network for network in PROXIES.networks)
)
sent = st.lists(
    st.text(st.characters(max_codepoint=255), max_size=40)
    | (trusted | clients).map(str)
    | st.lists((trusted | clients).map(str), max_size=40).map(", ".join),
    max_size=4,
)
"""Values of the X-Forwarded-For lines that a client makes up."""


@given(proxy=trusted, client=clients, lines=sent, chain=st.lists(trusted, max_size=5))
def test_nobody_behind_a_trusted_proxy_chooses_an_address(
    proxy: object, client: object, lines: list[str], chain: list[object]
) -> None:
    """A proxy adds what it saw behind what it was sent; whoever is let off a limit by what they send has none."""
    added = ", ".join(map(str, [client, *chain]))
    for forwarded_for in ([*lines, added], [", ".join([*lines, added])]):
        assert PROXIES.client_of(str(proxy), forwarded_for) == str(client)


@given(peer=clients, lines=sent)
def test_what_an_untrusted_peer_forwards_is_not_read(peer: object, lines: list[str]) -> None:
    """Anybody can send the header; it says something only if a proxy that was named sends it."""
    assert PROXIES.client_of(str(peer), lines) == str(peer)


@given(peer=(trusted | clients), lines=sent)
def test_without_trusted_proxies_the_peer_asks(peer: object, lines: list[str]) -> None:
    """The default believes nobody."""
    assert TrustedProxies().client_of(str(peer), lines) == str(peer)


@given(proxy=trusted, chain=st.lists(trusted, min_size=1, max_size=5), garbage=st.sampled_from(["unknown", "", "_x"]))
def test_an_entry_that_is_no_address_ends_the_search(proxy: object, chain: list[object], garbage: str) -> None:
    """The rest of it came from somebody unknown: the last address that is known is that of a proxy."""
    assert PROXIES.client_of(str(proxy), [f"203.0.113.9, {garbage}", *map(str, chain)]) == str(chain[0])
    assert PROXIES.client_of(str(proxy), [f"203.0.113.9, {garbage}"]) == str(proxy)


@given(proxy=trusted, chain=st.lists(trusted, max_size=MOST_PROXIES))
def test_among_trusted_proxies_only_the_first_asks(proxy: object, chain: list[object]) -> None:
    """A request that an internal machine makes is that machine's."""
    assert PROXIES.client_of(str(proxy), [", ".join(map(str, chain))]) == str([*chain, proxy][0])


def test_a_chain_longer_than_any_is_not_walked_to_its_end() -> None:
    """Sixty kilobytes of addresses in each head would be work for the event loop that nobody has paid for."""
    chain = [f"10.0.{number}.1" for number in range(200)]
    assert PROXIES.client_of("10.1.1.1", [", ".join(chain)]) == chain[-MOST_PROXIES]


@pytest.mark.parametrize(
    ("entry", "client"),
    [
        ("203.0.113.9:51234", "203.0.113.9"),
        ("[2001:db8::9]:51234", "2001:db8::9"),
        ("[2001:db8::9]", "2001:db8::9"),
        ("2001:DB8:0:0::9", "2001:db8::9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("[::ffff:203.0.113.9]:80", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::1"),
        ("  203.0.113.9\t", "203.0.113.9"),
    ],
)
def test_an_address_is_the_same_however_a_proxy_writes_it(entry: str, client: str) -> None:
    """Azure adds ports, others brackets; two spellings of one client would be two clients to every limit."""
    assert PROXIES.client_of("10.0.0.1", [entry]) == client


@pytest.mark.parametrize(
    "entry",
    [
        *(
            "203.0.113.9:x",
            "203.0.113.9:",
            "203.0.113",
            "0203.0.113.9",
            "203.0.113.9%eth0",
            "\N{SUPERSCRIPT TWO}03.0.113.9",
        ),
        *("[203.0.113.9", "2001:db8::9]:1", "[]", '"[2001:db8::9]"', "[203.0.113.9]x", "a.example"),
    ],
)
def test_what_is_nearly_an_address_is_none(entry: str) -> None:
    """A guess at what was meant is an address that somebody may have chosen."""
    assert PROXIES.client_of("10.0.0.1", [entry]) == "10.0.0.1"


def test_a_proxy_is_known_on_a_socket_for_both_protocols() -> None:
    """A server that listens on :: sees IPv4 peers inside IPv6; the operator named them as they are."""
    assert PROXIES.client_of("::ffff:10.0.0.1", ["203.0.113.9"]) == "203.0.113.9"
    assert PROXIES.client_of("::ffff:203.0.113.1", ["10.0.0.1"]) == "203.0.113.1"


@given(proxy=trusted, client=clients)
def test_a_peer_is_a_trusted_proxy_or_none(proxy: object, client: object) -> None:
    """A proxy may not pass for a person at this machine."""
    assert PROXIES.trusts(str(proxy))
    assert not PROXIES.trusts(str(client))
    assert not PROXIES.trusts("")
    assert not TrustedProxies().trusts(str(proxy))


def test_a_peer_without_an_address_comes_back_unchanged() -> None:
    """A Unix socket has none, and there is nothing to make one of."""
    assert PROXIES.client_of("", ["203.0.113.9"]) == ""


@given(client=st.ip_addresses(v=6), other=st.integers(0, 2**64 - 1))
def test_all_addresses_of_one_ipv6_network_are_one_group(client: object, other: int) -> None:
    """A customer of a provider has 2**64 addresses: a limit for each is none."""
    network = ip_network((str(client), 64), strict=False)
    assume(network.network_address != ip_network("::/64").network_address)  # where IPv4 lives inside IPv6
    assert group_of(str(client)) == group_of(str(network[other])) == str(network)


@given(client=st.ip_addresses(v=4))
def test_each_ipv4_address_is_a_group(client: object) -> None:
    """They are scarce enough; and inside IPv6 it is the same address."""
    assert group_of(str(client)) == group_of(f"::ffff:{client}") == str(client)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.1.1", "100.64.0.1"),
        *("::1", "fe80::1%eth0", "fd12::1", "::ffff:10.0.0.1", "", "testclient"),
    ],
)
def test_what_may_be_a_proxy_that_nobody_named_is_local(address: str) -> None:
    """A bound for each address would stop everybody behind it at once."""
    assert is_local(address)


@pytest.mark.parametrize(
    "address", ["203.0.113.9", "172.32.0.1", "11.0.0.1", "192.0.2.1", "2001:db8::1", "::ffff:8.8.8.8", "2a00::1"]
)
def test_what_comes_from_elsewhere_is_not_local(address: str) -> None:
    """These are strangers, and are bounded each for itself."""
    assert not is_local(address)
