"""From the bytes of a query or a form to the texts of its parameters, and the rules for texts that several share.

The rules are checked by hand, so that every message names the parameter, the rule and the value. Unknown parameters are
left alone, as Twilio leaves them; a known one that comes twice is refused, for nobody could say which one counts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from urllib.parse import unquote_to_bytes, urlsplit

from msgspec import Raw

from dayfile.errors import Invalid, InvalidBody, InvalidParameter, InvalidRecord
from dayfile.model.email import parse_email
from dayfile.model.strictjson import Value, parse_object, shown

LONGEST_URL = 2048
WEBHOOK_METHODS = ("GET", "POST")

_FLAGS = {"true": True, "false": False}
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_URL = re.compile(r"https?://[!-~]+", re.ASCII | re.IGNORECASE)


def parse_parameters(encoded: bytes, *, known: Collection[str]) -> dict[str, str]:
    """The known parameters of a query or form, decoded; raises Invalid or InvalidParameter."""
    found: dict[str, str] = {}
    for pair in encoded.split(b"&"):
        encoded_name, _, encoded_value = pair.partition(b"=")
        name = _decode(encoded_name, of="The name of a parameter")
        value = _decode(encoded_value, of=name[:80])
        if name not in known:
            continue
        if name in found:
            raise InvalidParameter(name, "must be given once, and is given again", value)
        if "\0" in value:
            raise InvalidParameter(name, "must not contain the character NUL", value)
        found[name] = value
    return found


def parse_members(body: bytes, *, known: Collection[str]) -> dict[str, Value]:
    """The members of a body that must be a JSON object, without those that are null; raises Invalid.

    Unlike Twilio's forms, what is ours is strict: a member that is not known is a mistake.
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
    """The value of a member that must be text; raises InvalidParameter."""
    if not isinstance(value, str):
        raise InvalidParameter(name, f"must be text; got {shown(value)}")
    return value


def number_member(name: str, value: Value, *, largest: int) -> int:
    """The value of a member that must be a whole number from 0 on; raises InvalidParameter."""
    text = shown(value) if isinstance(value, Raw) else ""
    if not text.isdecimal() or len(text) > len(str(largest)) or int(text) > largest:
        raise InvalidParameter(name, f"must be a whole number from 0 to {largest}; got {shown(value)}")
    return int(text)


def required(parameters: Mapping[str, str], name: str) -> str:
    """A parameter that must be there; raises Invalid in the words that Twilio uses."""
    if name not in parameters:
        raise Invalid(f"Missing required parameter {name} in the post body")
    return parameters[name]


def optional(parameters: Mapping[str, str], name: str) -> str | None:
    """A parameter that need not be there; an empty text is as good as none."""
    return parameters.get(name) or None


def parse_flag(name: str, value: str) -> bool:
    """A yes or no; raises InvalidParameter. Clients differ in how they write it: true, True."""
    try:
        return _FLAGS[value.lower()]
    except KeyError as error:
        raise InvalidParameter(name, "must be true or false", value) from error


def check_length(name: str, value: str, *, longest: int) -> str:
    """The text, which has 1 to `longest` characters; raises InvalidParameter."""
    if not 1 <= len(value) <= longest:
        raise InvalidParameter(name, f"must have 1 to {longest} characters, not {len(value)}", value or None)
    return value


def check_url(name: str, value: str) -> str:
    """The text, which is an absolute http or https URL; raises InvalidParameter. Where it leads is not asked here."""
    check_length(name, value, longest=LONGEST_URL)
    if not _URL.fullmatch(value) or not _has_host(value):
        raise InvalidParameter(name, "must be an absolute http or https URL of ASCII characters without spaces", value)
    return value


def check_webhook_method(value: str) -> str:
    """The text, which is a method that webhooks are called with; raises InvalidParameter."""
    if value not in WEBHOOK_METHODS:
        raise InvalidParameter("WebhookMethod", f"must be {' or '.join(WEBHOOK_METHODS)}", value)
    return value


def check_email(name: str, value: str) -> str:
    """The text, which has the shape of an e-mail address; raises InvalidParameter."""
    return parse_email(value, name=name)


def check_path(raw_path: bytes) -> None:
    """Raises Invalid for a path that no server could have meant: broken escapes, not UTF-8, or NUL in it."""
    if b"%" not in raw_path and raw_path.isascii():
        return
    if "\0" in _decode(raw_path, of="The path"):
        raise Invalid("The path must not contain the character NUL")


def _decode(encoded: bytes, *, of: str) -> str:
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
    except ValueError:  # a port that is none, a bracket that does not close
        return False
