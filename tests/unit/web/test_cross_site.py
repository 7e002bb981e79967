"""The rule who may write from a browser: pages of this server only, by what the browser says of a request's origin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.errors import Forbidden
from dayfile.web.cross_site import READS, check_cross_site

PUBLIC = "https://exports.example.com"
NAMES = ("exports.example.com", "localhost", "127.0.0.1", "[::1]", "evil.example", "exports.example.com.evil.example")
PORTS = {"http": 80, "https": 443}
METHODS = st.sampled_from(["POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "get", ""])
schemes = st.sampled_from(["http", "https"])
ports = st.one_of(st.none(), st.sampled_from([80, 443, 8080]), st.integers(1, 65535))
places = st.tuples(st.sampled_from(NAMES), ports)


def passes(method: str = "POST", *, public_url: str = PUBLIC, **headers: str | list[str]) -> bool:
    """Return True if these headers pass; underscores in names are hyphens, a list is given several times."""
    sent = [
        (name.replace("_", "-").encode(), value.encode("latin-1"))
        for name, values in headers.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    try:
        check_cross_site(method, sent, public_url=public_url)
    except Forbidden:
        return False
    return True


def spelled(name: str, port: int | None, *, scheme: str = "") -> str:
    """A place as browsers write it, with or without its scheme."""
    return (f"{scheme}://" if scheme else "") + name + ("" if port is None else f":{port}")


@given(st.sampled_from(sorted(READS)), st.text(st.characters(max_codepoint=255)))
def test_reading_is_everybodys(method: str, anything: str) -> None:
    """Links lead here from everywhere, and a preflight must be answered."""
    assert passes(method, sec_fetch_site="cross-site", origin=anything)


@given(METHODS, st.sampled_from(NAMES))
def test_what_says_nothing_of_a_site_is_no_browser(method: str, host: str) -> None:
    """curl, Twilio's clients, platforms."""
    assert passes(method, host=host)


@given(
    METHODS,
    st.one_of(st.sampled_from(["cross-site", "same-site", "", "NONE", "none,"]), st.text("a-eino,", max_size=12)),
)
def test_what_the_browser_says_of_the_site_decides(method: str, site: str) -> None:
    """An origin can be the same and the frame another."""
    expected = site in {"same-origin", "none"}
    assert passes(method, sec_fetch_site=site, host="exports.example.com", origin=PUBLIC) is expected
    assert passes(method, sec_fetch_site=site, origin="https://evil.example") is expected


@given(schemes, places, places)
def test_without_that_the_origin_is_the_public_url_or_the_host(
    scheme: str, page: tuple[str, int | None], called: tuple[str, int | None]
) -> None:
    """By name and port, where a port that is left out is the scheme's."""
    (name, port), (host, host_port) = page, called
    asked = (name, port or PORTS[scheme])
    # Under the public name a Host without a port is the public one, which is HTTPS here.
    default = 443 if host == "exports.example.com" else PORTS[scheme]
    expected = asked in {("exports.example.com", 443), (host, host_port or default)}
    origin = spelled(name, port, scheme=scheme)
    assert passes(origin=origin, host=spelled(host, host_port)) is expected
    assert passes(origin=origin.upper(), host=spelled(host, host_port)) is expected


@given(schemes, st.sampled_from(NAMES), ports)
def test_every_page_of_this_server_may_write_to_it(scheme: str, name: str, port: int | None) -> None:
    """Under whatever address it goes by, as its public URL or as the Host that the browser called."""
    origin = spelled(name, port, scheme=scheme)
    assert passes(origin=origin, public_url=origin)
    assert passes(origin=origin, host=spelled(name, port), public_url="http://192.0.2.1:9")


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://",
        "exports.example.com",
        "ftp://exports.example.com",
        "https://exports.example.com/",
        "https://exports.example.com:",
        "https://user@exports.example.com",
        "https://exports.example.com, https://evil.example",
        "https://exports.example.com https://evil.example",
        " https://exports.example.com",
        "https://exports.example.com\x00",
        "https://exports.example.com:443443",
        "https://exports\xe9.example.com",
    ],
)
def test_an_origin_that_is_none_is_refused(origin: str) -> None:
    """A sandboxed frame says null; what no browser writes has no reading here."""
    assert not passes(origin=origin, host="exports.example.com")
    assert not passes(origin=origin, host=origin)


@given(st.text(st.characters(max_codepoint=255), max_size=40), st.text(st.characters(max_codepoint=255), max_size=40))
def test_no_garbage_passes_for_this_server(origin: str, host: str) -> None:
    """It is refused, and nothing falls over."""
    if passes(origin=origin, host=host):
        assert origin.lower() in {PUBLIC, f"{PUBLIC}:443"} or host.lower() in origin.lower()


def test_what_is_said_twice_is_refused() -> None:
    """A proxy and the server could each believe another one."""
    assert not passes(sec_fetch_site=["none", "none"])
    assert not passes(sec_fetch_site=["same-origin", "cross-site"])
    assert not passes(sec_fetch_site="same-origin", origin=[PUBLIC, PUBLIC])
    assert not passes(origin=[PUBLIC, PUBLIC])
    assert not passes(origin="http://localhost:8080", host=["localhost:8080", "localhost:8080"])


def test_plain_http_does_not_pass_for_the_page_behind_https() -> None:
    """A stranger on the way to port 80 of the public name can put any page there."""
    assert not passes(origin="http://exports.example.com", host="exports.example.com")
    assert passes(origin="https://exports.example.com", host="exports.example.com")
    assert passes(origin="https://exports.example.com", host="inside:8080")
    assert passes(origin="http://inside:8080", host="inside:8080")


def test_the_refusal_says_what_it_saw_and_what_to_do() -> None:
    """The operator behind a proxy that changes Host reads it, too."""
    with pytest.raises(Forbidden, match=r"Origin is 'https://evil\.example'.*from a page of https://exports\."):
        check_cross_site("POST", [(b"origin", b"https://evil.example")], public_url=PUBLIC)
    with pytest.raises(Forbidden, match=r"Sec-Fetch-Site is 'cross-site'.*a server or a program"):
        check_cross_site("POST", [(b"sec-fetch-site", b"cross-site")], public_url=PUBLIC)
