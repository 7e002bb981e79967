"""URLs of engines: which there are, and what is in one.

Apart, because settings are checked where no engine is started and none of its packages is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Self
from urllib.parse import urlsplit

from dayfile.errors import Unusable

_LOCAL: Final = "local"
_SCHEMES: Final = {"dask+tls": "tls", "dask": "tcp"}
_FORMS: Final = "local or dask+tls://HOST:PORT"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineUrl:
    """The place of heavy work: threads of this process, or the scheduler of a Dask cluster."""

    text: str
    address: str | None  # of the scheduler, as Dask writes it; None: this process

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the place that a URL names; raises Unusable with the rule."""
        if text == _LOCAL:
            return cls(text=text, address=None)
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise Unusable(f"must be {_FORMS}: {error}") from error
        if parts.scheme not in _SCHEMES:
            raise Unusable(f"must be {_FORMS}")
        if not host or not port or "@" in parts.netloc or parts.path or parts.query or parts.fragment:
            raise Unusable(f"must be {_FORMS}, with the port of the scheduler and nothing behind it")
        if parts.scheme == "dask" and not _is_loopback(host):
            raise Unusable(
                "must be dask+tls://HOST:PORT for another machine than this one: a Dask scheduler without TLS executes "
                "the code of anybody who reaches its port"
            )
        return cls(text=text, address=f"{_SCHEMES[parts.scheme]}://{parts.netloc}")

    @property
    def is_encrypted(self) -> bool:
        """True if both sides show certificates."""
        return self.address is not None and self.address.startswith("tls://")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
