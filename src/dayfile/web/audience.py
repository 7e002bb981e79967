"""The visitor of a page, or of what else only some may see: docs/decisions/0003-what-the-front-page-shows.md."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol
from urllib.parse import urlsplit

from starlette.requests import Request

from dayfile.accounts.authenticate import Authenticator
from dayfile.accounts.sessions import Sessions
from dayfile.errors import AccountSuspended, Unauthorized
from dayfile.web.basic import note_failed_login, read_login
from dayfile.web.client_address import TrustedProxies
from dayfile.web.session_cookie import SessionCookie


class Reception(Protocol):
    """The parts of an instance by which a visitor is known."""

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
    def trusted_proxies(self) -> TrustedProxies:
        """The proxies whose X-Forwarded-For is believed."""
        ...


class Audience(IntEnum):
    """The audiences of the page. Each sees everything that the one before sees, and more."""

    ANYBODY = 0  # whether it works, and how to use it
    THIS_MACHINE = 1  # figures of the whole instance, and how to run it
    OPERATOR = 2  # the jobs of all accounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """A visitor of the page and the credential that identifies them."""

    audience: Audience
    operator: str | None = None  # the sid of an operator's key
    form_token: str | None = None  # what forms of the operator's session carry; None without a session


def visitor_of(request: Request, instance: Reception) -> Visitor:
    """Return the visitor, by session or Basic credentials; wrong ones count as none."""
    token = SessionCookie(instance.public_url).read(request)
    signed_in = None if token is None else instance.sessions.find(token)
    if signed_in is not None and signed_in.caller.account is None:
        sid = signed_in.caller.credential
        return Visitor(audience=Audience.OPERATOR, operator=sid, form_token=signed_in.form_token)
    sid_of_key = _operator(request, instance.authenticator)
    if sid_of_key is not None:
        return Visitor(audience=Audience.OPERATOR, operator=sid_of_key)
    return stranger(request, instance)


def stranger(request: Request, instance: Reception) -> Visitor:
    """Return the visitor by address alone, without looking up any credentials."""
    is_near = _is_on_this_machine(request, instance.public_url, instance.trusted_proxies)
    return Visitor(audience=Audience.THIS_MACHINE if is_near else Audience.ANYBODY)


def _operator(request: Request, authenticator: Authenticator) -> str | None:
    login = read_login(request.headers)
    if login is None:
        return None
    try:
        if login.may_exist:
            return login.username if authenticator.authenticate(*login).account is None else None
    except AccountSuspended:
        return None
    except Unauthorized:
        pass
    note_failed_login(request.scope, login.username)
    return None


def _is_on_this_machine(request: Request, public_url: str, trusted_proxies: TrustedProxies) -> bool:
    """Return True if the request comes from a developer on this machine.

    A connection from this machine is not enough. Behind a local proxy every client would look like that; but such a
    proxy is trusted, adds a header, or the public URL names another host. And a website that is open in a browser here
    could send requests through it; the browser then says so in Sec-Fetch-Site, or the Host header is the website's.
    """
    peer = request.client.host if request.client else ""
    if trusted_proxies.trusts(peer):
        return False  # even if it names a client on this machine, or none
    hosts = (peer, request.state.client, request.url.hostname or "", urlsplit(public_url).hostname or "")
    asked_by_a_website = request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}
    forwarded = any(name == "via" or "forwarded" in name for name in request.headers)
    return all(map(_is_loopback, hosts)) and not forwarded and not asked_by_a_website


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
