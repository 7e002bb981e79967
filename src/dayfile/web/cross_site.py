"""CSRF protection: pages of other sites cannot write with the credentials that a browser holds.

A browser sends its credentials for this server with forms and scripts of any site. So the origin of every request that
may write is checked before its credentials are; its content type proves nothing.
See docs/decisions/0019-who-may-write-from-a-browser.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from dayfile.errors import Forbidden

READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""

_SITE, _ORIGIN, _HOST = b"sec-fetch-site", b"origin", b"host"
_ASKED: Final = frozenset({_SITE, _ORIGIN, _HOST})
_FROM_HERE: Final = frozenset({b"same-origin", b"none"})  # a page of this server, or the user, as by typing the address
_PORTS: Final = {"http": 80, "https": 443}
_PLACE: Final = r"(?P<name>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
_WITH_SCHEME: Final = re.compile(rf"(?P<scheme>https?)://{_PLACE}", re.IGNORECASE)
_WITHOUT: Final = re.compile(_PLACE, re.IGNORECASE)

_Place = tuple[str, int]
"""A host name in lower case and a port."""


def check_cross_site(method: str, headers: Iterable[tuple[bytes, bytes]], *, public_url: str) -> None:
    """Raise Forbidden for a request that may write and was made by a page of another site.

    `headers` are as in ASGI, with names in lower case; `public_url` is the address of this server in browsers. A
    request with neither Sec-Fetch-Site nor Origin was not made by a browser, and passes.
    """
    if method in READS:
        return
    told = [(name, value) for name, value in headers if name in _ASKED]
    if len(told) < 2 and not any(name != _HOST for name, _ in told):  # noqa: PLR2004 - no more than Host
        return
    sites, origins, hosts = ([value for name, value in told if name == asked] for asked in (_SITE, _ORIGIN, _HOST))
    if len(sites) > 1 or len(origins) > 1:
        raise _forbidden("Sec-Fetch-Site and Origin must be given once at most", public_url)
    if sites:
        if sites[0] not in _FROM_HERE:
            raise _forbidden(f"Sec-Fetch-Site is {_shown(sites[0])}", public_url)
    elif origins and not _is_own(origins[0], hosts, public_url):
        raise _forbidden(f"Origin is {_shown(origins[0])}", public_url)


def _is_own(origin: bytes, hosts: list[bytes], public_url: str) -> bool:
    """Return True if an origin is this server, by the public URL or by a single Host header."""
    asking = _WITH_SCHEME.fullmatch(origin.decode("latin-1"))
    if asking is None:  # also `null`: a sandboxed frame, a file, a redirect
        return False
    asked, public = _place(asking, asking["scheme"]), _WITH_SCHEME.fullmatch(public_url)
    if public is not None and asked == _place(public, public["scheme"]):
        return True
    host = _WITHOUT.fullmatch(hosts[0].decode("latin-1")) if len(hosts) == 1 else None
    if host is None:
        return False
    # Host has no scheme. For the public name it is the public scheme: a page injected into plain HTTP on port 80 must
    # not pass for the server behind HTTPS.
    is_public = public is not None and host["name"].lower() == public["name"].lower()
    return asked == _place(host, public["scheme"] if public is not None and is_public else asking["scheme"])


def _place(match: re.Match[str], scheme: str) -> _Place:
    return match["name"].lower(), int(match["port"] or _PORTS[scheme.lower()])


def _forbidden(why: str, public_url: str) -> Forbidden:
    return Forbidden(
        f"a page of another site cannot write here ({why}): send the request from a server or a program, or from a "
        f"page of {public_url}"
    )


def _shown(value: bytes) -> str:
    return repr(value[:80].decode("latin-1"))
