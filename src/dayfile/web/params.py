"""Parameters of queries, forms and JSON bodies: parsing, and the rules that several routes share.

The rules are checked by hand, so that every message names the parameter, the rule and the value. Unknown parameters are
ignored, as Twilio does. A known one that is repeated is refused, since it is unclear which one counts; but the last of
those of pages counts, because Twilio's library for Java adds its user's limit to the PageSize that is there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from urllib.parse import unquote_to_bytes, urlsplit

from msgspec import Raw

from dayfile.delivery.ssrf import Destinations, RefusedDestination
from dayfile.errors import Invalid, InvalidBody, InvalidParameter, InvalidRecord
from dayfile.model.email import parse_email
from dayfile.model.strictjson import Value, parse_object, shown

LONGEST_URL = 2048
WEBHOOK_METHODS = ("GET", "POST")

_FLAGS = {"true": True, "false": False}
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_URL = re.compile(r"https?://[!-~]+", re.ASCII | re.IGNORECASE)


def parse_parameters(encoded: bytes, *, known: Collection[str], last_counts: bool = False) -> dict[str, str]:
    """Return the known parameters of a query or form, decoded; raises Invalid or InvalidParameter.

    A repeated parameter is refused; with `last_counts`, its last value is taken.
    """
    found: dict[str, str] = {}
    for pair in encoded.split(b"&"):
        encoded_name, _, encoded_value = pair.partition(b"=")
        name = _decode(encoded_name, of="The name of a parameter")
        value = _decode(encoded_value, of=name[:80])
        if name not in known:
            continue
        if name in found and not last_counts:
            raise InvalidParameter(name, "must be given only once", value)
        if "\0" in value:
            raise InvalidParameter(name, "must not contain the character NUL", value)
        found[name] = value
    return found


def parse_members(body: bytes, *, known: Collection[str]) -> dict[str, Value]:
    """Return the members of a body that must be a JSON object, without those that are null; raises Invalid.

    Unlike Twilio's forms, Dayfile's own bodies are strict: an unknown member is an error.
    """
    try:
        members = parse_object(body.strip(b" \t\r\n"))
    except InvalidRecord as error:
        raise InvalidBody(f"The body {error}") from error
    for name in members:
        if name not in known:
            raise InvalidParameter(name[:80], f"is not known here: use {', '.join(known)}")
    return {name: value for name, value in members.items() if value is not None}


def text_member(name: str, value: Value) -> str:
    """Return the value of a member that must be text; raises InvalidParameter."""
    if not isinstance(value, str):
        raise InvalidParameter(name, f"must be text; got {shown(value)}")
    return value


def number_member(name: str, value: Value, *, largest: int) -> int:
    """Return the value of a member that must be a whole number from 0 to `largest`; raises InvalidParameter."""
    text = shown(value) if isinstance(value, Raw) else ""
    if not text.isdecimal() or len(text) > len(str(largest)) or int(text) > largest:
        raise InvalidParameter(name, f"must be a whole number from 0 to {largest}; got {shown(value)}")
    return int(text)


def required(parameters: Mapping[str, str], name: str) -> str:
    """Return a required parameter; raises Invalid, in Twilio's words, if it is missing."""
    if name not in parameters:
        raise Invalid(f"Missing required parameter {name} in the post body")
    return parameters[name]


def optional(parameters: Mapping[str, str], name: str) -> str | None:
    """Return an optional parameter; None if it is missing or empty."""
    return parameters.get(name) or None


def parse_flag(name: str, value: str) -> bool:
    """Parse true or false, in any case, since clients differ (true, True); raises InvalidParameter."""
    try:
        return _FLAGS[value.lower()]
    except KeyError as error:
        raise InvalidParameter(name, "must be true or false", value) from error


def check_length(name: str, value: str, *, longest: int) -> str:
    """Return the text if it has 1 to `longest` characters; raises InvalidParameter otherwise."""
    if not 1 <= len(value) <= longest:
        raise InvalidParameter(name, f"must have 1 to {longest} characters, not {len(value)}", value or None)
    return value


def check_search(*texts: str) -> None:
    """Raise Invalid for a search that the database may not even be able to take."""
    if any("\0" in text for text in texts):
        raise Invalid("A search must not contain the character NUL")


def check_url(name: str, value: str) -> str:
    """Return the text if it is an absolute http or https URL, to any host; raises InvalidParameter otherwise."""
    check_length(name, value, longest=LONGEST_URL)
    if not _URL.fullmatch(value) or not _has_host(value):
        raise InvalidParameter(name, "must be an absolute http or https URL of ASCII characters without spaces", value)
    return value


def check_receiver(url: str | None, destinations: Destinations) -> None:
    """Raise InvalidParameter for a webhook URL that webhooks may not go to. No-op without a URL.

    Every call of the webhook checks it again.
    """
    if not url:
        return
    try:
        destinations.check(url)
    except RefusedDestination as refused:
        raise InvalidParameter("WebhookUrl", refused.rule, url) from refused


def check_webhook_method(value: str) -> str:
    """Return the text if it is a method of webhooks; raises InvalidParameter otherwise."""
    if value not in WEBHOOK_METHODS:
        raise InvalidParameter("WebhookMethod", f"must be {' or '.join(WEBHOOK_METHODS)}", value)
    return value


def check_email(name: str, value: str) -> str:
    """Return the text if it has the form of an e-mail address; raises InvalidParameter otherwise."""
    return parse_email(value, name=name)


def check_path(raw_path: bytes) -> None:
    """Raise Invalid for a malformed path: one with broken escapes, with NUL, or not in UTF-8."""
    if b"%" not in raw_path and raw_path.isascii():
        return
    if "\0" in _decode(raw_path, of="The path"):
        raise Invalid("The path must not contain the character NUL")


def _decode(encoded: bytes, *, of: str) -> str:
    if b"%" not in encoded and b"+" not in encoded and encoded.isascii():
        return encoded.decode()
    shown = encoded.decode("latin-1")
    if _BROKEN_ESCAPE.search(encoded):
        rule = "must be percent-encoded: a % must be followed by two hexadecimal digits, or be %25"
        raise InvalidParameter(of, rule, shown)
    try:
        return unquote_to_bytes(encoded.replace(b"+", b" ")).decode()
    except UnicodeDecodeError as error:
        raise InvalidParameter(of, "must be UTF-8 where it is percent-encoded", shown) from error


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # an invalid port, an unclosed bracket
        return False
