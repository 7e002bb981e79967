"""The places that webhooks may go to: what the text of a URL says, what addresses are, and what names lead to."""

from __future__ import annotations

import threading
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.delivery.ssrf import RefusedDestination, SystemResolver, UnresolvedName, is_public, parse_destination
from tests.support.receiver import receiving
from tests.support.told import LOOPBACK, deliver, destinations

PUBLIC = ["8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "223.255.255.255"]
PUBLIC += ["2606:4700:4700::1111", "2a00:1450:4001::1", "64:ff9b::8.8.8.8"]

NOT_PUBLIC = {
    "this machine": ["127.0.0.1", "127.1.2.3", "::1"],
    "unspecified": ["0.0.0.0", "0.1.2.3", "::"],  # noqa: S104 - nobody binds it
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12:3456::1", "fec0::1"],
    "link-local": ["169.254.1.1", "fe80::1", "fe80::1%eth0"],
    "metadata": ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16"],
    "carrier": ["100.64.0.1", "100.127.255.255"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "reserved": ["240.0.0.1", "192.0.0.1", "198.18.0.1", "198.19.255.255", "4000::1", "100::1"],
    "broadcast": ["255.255.255.255"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8"],
    "compatible": ["::127.0.0.1", "::8.8.8.8"],
    "translated": ["64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::8.8.8.8", "::ffff:0:8.8.8.8"],
    "6to4": ["2002:7f00:1::", "2002:808:808::1"],
    "Teredo": ["2001::1", "2001:0:7f00:1::"],
}


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    """The first and the last of each range's neighbours: a range that is too wide cuts customers off."""
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", [address for group in NOT_PUBLIC.values() for address in group])
def test_all_others_are_not(address: str) -> None:
    """Each is a way to a machine that only this one can reach, or to nobody."""
    assert not is_public(ip_address(address))


@given(st.ip_addresses(v=4).filter(lambda address: not address.is_global))
def test_nothing_that_python_calls_local_is_public(address: IPv4Address) -> None:
    """A second opinion on the list of ranges."""
    assert not is_public(address)
    assert not is_public(IPv6Address(b"\0" * 10 + b"\xff\xff" + address.packed))
    assert not is_public(IPv6Address(bytes.fromhex("0064ff9b0000000000000000") + address.packed))


@given(st.ip_addresses(v=6).filter(lambda address: not address.is_global))
def test_nothing_of_ipv6_that_python_calls_local_is_public(address: IPv6Address) -> None:
    """The same for the longer ones."""
    assert not is_public(address)


SPELLINGS = [
    "0x7f000001",
    "0x7f.0.0.1",
    "0x7f.1",
    "0X7F000001",
    "2130706433",
    "017700000001",
    "0177.0.0.1",
    "127.0.0.01",
    "127.1",
    "127.0.1",
    "0",
    "0x",
    "127.0.0.1.",
    "127.0.0.1..",
    "localhost.",
    "metadata.google.internal.",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:7f00:0001]",
    "[::127.0.0.1]",
    "[::1%25lo]",
    "[::1%lo]",
    "[fe80::1%25eth0]",
    "[::1]",
    "[::]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "%31%32%37.0.0.1",
    "127%2e0%2e0%2e1",
    "\N{FULLWIDTH DIGIT ONE}\N{FULLWIDTH DIGIT TWO}\N{FULLWIDTH DIGIT SEVEN}.0.0.1",
    "127\N{IDEOGRAPHIC FULL STOP}0\N{IDEOGRAPHIC FULL STOP}0\N{IDEOGRAPHIC FULL STOP}1",
    "\N{CIRCLED DIGIT ONE}27.0.0.1",
    "127.0.0.1",
    "0.0.0.0",  # noqa: S104 - nobody binds it
    "user@127.0.0.1",
    "user:password@hook.example",
    "hook.example@127.0.0.1",
    "127.0.0.1\\@hook.example",
    "127.0.0.1\\.hook.example",
    "hook.example\t",
    "hook.example ",
    "hook_example..",
    "-hook.example",
    "[hook.example]",
    "[127.0.0.1]",
    "[v1.hook]",
    "",
]


@pytest.mark.parametrize("host", SPELLINGS, ids=ascii)
def test_no_spelling_of_an_address_is_a_way_in(host: str) -> None:
    """C libraries, browsers and URL parsers read these differently; a canary on this machine's loopback sees none."""
    anywhere = [["8.8.8.8"]]  # where a name would lead that was taken for one
    to = destinations(hook_example=anywhere, localhost_=anywhere)
    with receiving() as canary:
        for url in (f"http://{host}:{canary.port}/", f"http://{host}/"):
            with pytest.raises(RefusedDestination):
                to.check(url)
        outcome = deliver(f"http://{host}:{canary.port}/", to=to)
        assert outcome.error is not None
        assert outcome.error.startswith("the URL of a webhook must ")
    assert canary.connections == 0


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("ftp://hook.example/", "begin with http:// or https://"),
        ("file:///etc/passwd", "begin with http:// or https://"),
        ("gopher://hook.example/", "begin with http:// or https://"),
        ("//hook.example/", "begin with http:// or https://"),
        ("hook.example", "begin with http:// or https://"),
        ("", "ASCII"),
        ("http://hook.example:99999/", "port from 1 to 65535"),
        ("http://hook.example:-1/", "port from 1 to 65535"),
        ("http://[::1/", "port from 1 to 65535"),
        ("http://hook.example:0/", "port 80, 443, or one from 1024 on"),
        ("http://hook.example:25/", "port 80, 443, or one from 1024 on"),
        ("http://hook.example:5060/", "port 80, 443, or one from 1024 on"),
        ("https://u:p@hook.example/", "user name or password"),
        (f"http://{'a' * 64}.example/", "host name"),
        (f"http://{'a.' * 130}example/", "host name"),
    ],
)
def test_what_is_refused_is_refused_with_its_rule(url: str, rule: str) -> None:
    """A customer who made a mistake reads which one."""
    with pytest.raises(RefusedDestination, match=rule):
        parse_destination(url)


@pytest.mark.parametrize(
    ("url", "as_sent"),
    [
        ("http://hook.example", "http://hook.example/"),
        ("HTTPS://Hook.Example:443/Path", "https://hook.example/Path"),
        ("https://hook.example:8443/a//b/../c?x=1&y=%20", "https://hook.example:8443/a//b/../c?x=1&y=%20"),
        ("http://hook.example/#fragment", "http://hook.example/"),
        ("http://hook.example/?", "http://hook.example/"),
        ("http://hook.example?x=1", "http://hook.example/?x=1"),
        ("HTTP://HOOK.example:80/Ab?C=%2f&D", "http://hook.example/Ab?C=%2f&D"),
        ("http://8.8.8.8:8080/", "http://8.8.8.8:8080/"),
        ("http://[2606:4700::0001]:8080/x", "http://[2606:4700::1]:8080/x"),
        ("http://xn--bcher-kva.example/", "http://xn--bcher-kva.example/"),
        ("http://a_b.example/", "http://a_b.example/"),
    ],
)
def test_a_url_is_signed_as_the_receiver_puts_it_together_again(url: str, as_sent: str) -> None:
    """From the Host header and the request line: a difference of one character, and no signature is right."""
    assert parse_destination(url).url == as_sent


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60))
def test_a_url_that_passes_means_the_same_when_it_is_read_again(rest: str) -> None:
    """The URL that is checked is the one that is called: one that two readings understand differently must not pass."""
    try:
        destination = parse_destination(f"http://{rest}")
    except RefusedDestination:
        return
    again = urlsplit(destination.url)
    assert (again.hostname, again.port or 80, again.path, again.query) == (
        destination.host,
        destination.port,
        destination.path,
        destination.query,
    )
    assert parse_destination(destination.url) == destination


def test_the_operator_may_allow_a_network_and_nothing_beside_it() -> None:
    """Receivers inside the operator's own network are a choice of the operator's, address by address."""
    to = destinations("10.1.0.0/16", "fd00:1::/32", inside_example=[["10.1.2.3"]], beside_example=[["10.2.2.3"]])
    for url in ("http://10.1.255.255/", "http://[fd00:1::9]/", "http://inside.example/", "http://8.8.8.8/"):
        to.check(url)
    for url in ("http://10.2.0.0/", "http://[fd00:2::9]/", "http://beside.example/", "http://127.0.0.1/"):
        with pytest.raises(RefusedDestination, match="must lead to public addresses only"):
            to.check(url)


def test_a_name_that_does_not_resolve_now_may_be_configured() -> None:
    """A name server that is away must not stop a customer from asking for their days; each attempt looks again."""
    assert destinations().check("https://later.example/hook").host == "later.example"


def test_the_systems_names_are_looked_up() -> None:
    """The real resolver, with the one name that leads nowhere else."""
    found = SystemResolver().resolve("localhost", seconds=10)
    assert set(found) <= {"127.0.0.1", "::1"}
    assert destinations(*LOOPBACK).permits(ip_address(found[0]))


def test_a_look_up_ends_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The C library waits for name servers as long as it likes; look-ups that hang are bounded, and say so."""
    answered = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: answered.wait() and [])
    resolver = SystemResolver(lookups=2)
    for reason in ("took too long", "took too long", "too many host names wait"):
        with pytest.raises(UnresolvedName, match=reason):
            resolver.resolve("hook.example", seconds=0.01)
    answered.set()
