"""Rules for the values of settings. Pydantic reports a ValueError as a problem and names the setting; the message gives
the rule.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path

from pydantic import SecretStr, ValidationInfo

from dayfile.delivery.relay import parse_relay, parse_sender
from dayfile.delivery.transport import load_authorities
from dayfile.errors import Unusable
from dayfile.files.storage_url import StorageUrl
from dayfile.model.secret import InstanceKey
from dayfile.store.database_url import full_url
from dayfile.work.engine_url import EngineUrl

_PUBLIC_URL = re.compile(r"https?://[^/?#\s]+")
_LISTENER = re.compile(r"(?P<host>[^:/\s\[\]]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")
_HIGHEST_PORT = 65535
_LOCATION = re.compile(r"/(?:[A-Za-z0-9._~-]+/)+")


def networks(given: object) -> object:
    """Split CIDRs that are written with commas between them."""
    if not isinstance(given, str):
        return given
    try:
        return tuple(ip_network(text.strip()) for text in given.split(","))
    except ValueError as error:
        raise ValueError(f"must be CIDRs such as 10.1.0.0/16 with commas between them: {error}") from error


def authorities(given: Path | None) -> Path | None:
    """Refuse a file without certificates of authorities."""
    if given is not None:
        with _as_value_error():
            load_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), given)
    return given


def relay(given: SecretStr | None) -> SecretStr | None:
    """Refuse an address of no mail server."""
    if given is not None:
        with _as_value_error():
            parse_relay(given.get_secret_value())
    return given


def sender(given: str | None) -> str | None:
    """Refuse what is no sender of e-mail."""
    if given is not None:
        with _as_value_error():
            parse_sender(given)
    return given


def database(given: str | None) -> str | None:
    """Return the URL with its driver; refuse one of no database that can be spoken to."""
    if given is None:
        return None
    with _as_value_error():
        return full_url(given)


def key(given: SecretStr | None) -> SecretStr | None:
    """Refuse what is no instance key."""
    if given is not None:
        with _as_value_error():
            InstanceKey.parse(given.get_secret_value())
    return given


def public_url(given: str | None) -> str | None:
    """Refuse what is no base URL."""
    if given is not None and not _PUBLIC_URL.fullmatch(given):
        raise ValueError("must be http:// or https:// with a host and, if need be, a port, without a path")
    return given


def listener(given: str | None) -> str | None:
    """Refuse what is no address with a port."""
    if given is not None:
        split_listener(given)
    return given


def split_listener(given: str) -> tuple[str, int]:
    """Return the host and the port of an address to listen on; raises ValueError."""
    found = _LISTENER.fullmatch(given)
    if found is None or int(found["port"]) > _HIGHEST_PORT:
        raise ValueError("must be an address and a port such as 127.0.0.1:9464, or [::1]:9464; port 0 picks a free one")
    return found["host"].strip("[]"), int(found["port"])


def accel_redirect(given: str | None, info: ValidationInfo) -> str | None:
    """Refuse what is no location, and any without proxies that are trusted."""
    if given is None:
        return None
    if not _LOCATION.fullmatch(given):
        raise ValueError("must be a path that begins and ends with a slash, such as /objects/")
    if "trusted_proxies" in info.data and not info.data["trusted_proxies"]:
        raise ValueError("needs DAYFILE_TRUSTED_PROXIES: only a trusted proxy can be told to send the file itself")
    return given


def storage(given: str | None) -> str | None:
    """Refuse a URL of no folder and no bucket."""
    if given is not None:
        with _as_value_error():
            StorageUrl.parse(given)
    return given


def contradictions(*, is_shared: bool, has_key: bool, listens: bool) -> list[str]:
    """Return the contradictions between settings that are right by themselves, in words."""
    found = []
    if is_shared and not has_key:
        found.append(
            "DAYFILE_SECRET_KEY: is needed with PostgreSQL, the same for every process on every host, since none makes "
            "one: `openssl rand -hex 32` does; or take what is in the secret.key of an instance that moves there"
        )
    if listens and not is_shared:
        found.append("DAYFILE_DATABASE_LISTEN_URL: is for PostgreSQL, and DAYFILE_DATABASE_URL names none")
    return found


def engine(given: str) -> str:
    """Refuse a URL of no engine, and a cluster that anybody could use."""
    with _as_value_error():
        EngineUrl.parse(given)
    return given


@contextmanager
def _as_value_error() -> Iterator[None]:
    try:
        yield
    except Unusable as error:
        raise ValueError(str(error)) from error
