"""Signed, expiring download links. Pure: the moment comes in as an argument.

A link names one sealed day (or the empty file) of one account, the hash of its file, and the second at which it
expires. It is its own credential: its holder may download that one file until then, and nothing else. Because it names
the revision and the hash, the bytes behind one link never change, not even after a restore that gives numbers again.

A link is its decoded path and the set of its decoded query parameters. Clients sort the parameters of an address they
follow, or spell them with other escapes: that is the same link.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import unquote

import msgspec

from dayfile.errors import Forbidden, Invalid, NotFound
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.empty import EMPTY_SHA256
from dayfile.model.export import DayFile
from dayfile.model.resource import ResourceType, parse_resource_type

EMPTY = 0
"""The number in links for a day without records, whose file is the empty one."""

# The path reads like those of Twilio's bucket, Hive style, so that programs that take day and type from it still work.
# A plain "=" needs no percent-encoding there.
_PATH = re.compile(
    r"daily/day=([0-9-]{10})/type=([A-Za-z]{1,32})/account=(AC[0-9a-f]{32})/created_time=([0-9]{14})"
    r"/[A-Za-z0-9.-]{1,64}",
    re.ASCII,
)
_HASH_DIGITS: Final = 32  # 128 bits: nobody can make two files that share them
_PARAMETERS: Final = {
    "SealedDay": re.compile(r"[0-9]{1,18}", re.ASCII),
    "File": re.compile(rf"[0-9a-f]{{{_HASH_DIGITS}}}", re.ASCII),
    "Expires": re.compile(r"[0-9]{1,11}", re.ASCII),
    "Signature": re.compile(r"[0-9a-f]{64}", re.ASCII),
}
_AS_GIVEN: Final = re.compile(
    r"(SealedDay=([0-9]{1,18})(?:&File=([0-9a-f]{32}))?&Expires=([0-9]{1,11}))&Signature=([0-9a-f]{64})",
    re.ASCII,
)
"""A query in the order and the spelling in which links are given out; most clients leave them so."""

_BEFORE_HASHES: Final = _PARAMETERS.keys() - {"File"}
_CREATED = "%Y%m%d%H%M%S"


class ForgedLink(Forbidden):
    """A link that was not signed here, or was changed since."""


class ExpiredLink(Forbidden):
    """A link that was valid until it expired; `link` says what it was for."""

    def __init__(self, link: Link) -> None:
        super().__init__(f"This link expired at {link.expires_at:%Y-%m-%dT%H:%M:%SZ}.")
        self.link = link


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a link: one file, until `expires_at`. Moments are whole seconds.

    Each download makes one: a dataclass takes several times as long.
    """

    account: AccountSid
    resource_type: ResourceType
    day: Day
    created_at: datetime
    sealed_day_id: int  # EMPTY for a day without records
    file_hash: str | None  # how its SHA-256 begins; None in a link that was given before links had it
    expires_at: datetime

    @classmethod
    def to(cls, day_file: DayFile, *, expires_at: datetime) -> Link:
        """Return a link to a day file as it is now; it expires at `expires_at`, or sooner with the day file."""
        return cls(
            account=day_file.account,
            resource_type=day_file.resource_type,
            day=day_file.day,
            created_at=day_file.created_at.replace(microsecond=0),
            sealed_day_id=day_file.sealed.id if day_file.sealed else EMPTY,
            file_hash=(day_file.sealed.sha256 if day_file.sealed else EMPTY_SHA256)[:_HASH_DIGITS],
            expires_at=min(expires_at, day_file.expires_at).replace(microsecond=0),
        )

    def is_to(self, sha256: str) -> bool:
        """Return True if a file with this SHA-256, in hexadecimal digits, may be the one that the link is for."""
        return self.file_hash is None or self.file_hash == sha256[:_HASH_DIGITS]

    @property
    def file_name(self) -> str:
        """The suggested name for a file saved from the link."""
        return f"{self.resource_type}-{self.day}.json.gz"

    @property
    def path(self) -> str:
        """The path of the file below the address of all downloads."""
        return (
            f"daily/day={self.day}/type={self.resource_type}/account={self.account}"
            f"/created_time={self.created_at.astimezone(UTC):{_CREATED}}/{self.file_name}"
        )


class LinkSigner:
    """A signer of links, with one key that is used for nothing else; it checks its own signatures."""

    def __init__(self, key: bytes) -> None:
        self._keyed = hmac.new(key, digestmod="sha256")  # copied for each signature, as the key is not read again then

    def sign(self, link: Link) -> str:
        """Return the path and query of a link, to be put after the address of all downloads."""
        return f"{link.path}?{self._query(link)}"

    def check(self, path: str, query: str, *, now: datetime) -> Link:
        """Return the link in a path, which is decoded, and a query, which is not.

        Raises ForgedLink for anything that was not signed here: another path, or a parameter that is missing, changed,
        given twice or unknown, also where its value would mean the same. Raises ExpiredLink from the second of its
        expiry on.
        """
        as_given = _AS_GIVEN.fullmatch(query)
        # What is compared is the signature of the very texts that were given, so no value has a second spelling.
        signed, number, file_hash, expires, signature = as_given.groups() if as_given else _parse_query(query)
        if not hmac.compare_digest(self._signature(path, signed), signature):
            raise _forged()
        link = _parse(path, number, file_hash, expires)
        if now >= link.expires_at:
            raise ExpiredLink(link)
        return link

    def _query(self, link: Link) -> str:
        named = {"SealedDay": str(link.sealed_day_id)}
        if link.file_hash is not None:
            named["File"] = link.file_hash
        named["Expires"] = str(int(link.expires_at.timestamp()))
        return _joined({**named, "Signature": self._signature(link.path, _joined(named))})

    def _signature(self, path: str, query: str) -> str:
        signing = self._keyed.copy()
        signing.update(f"{path}?{query}".encode())
        return signing.hexdigest()


def _parse_query(query: str) -> tuple[str, str, str | None, str, str]:
    """Return what of a query is signed, and its four parameters, decoded once.

    Each has the form that it has in links; no name occurs twice.
    """
    given: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if "%" in pair:
            # Text that is not an escape stays as it is, and no name and no form has a percent sign or a plus.
            name, value = unquote(name, encoding="latin-1"), unquote(value, encoding="latin-1")
        form = _PARAMETERS.get(name)
        if form is None or name in given or not form.fullmatch(value):
            raise _forged()
        given[name] = value
    # A link from before links had the hash works until it expires, as it was promised.
    if given.keys() not in (_PARAMETERS.keys(), _BEFORE_HASHES):
        raise _forged()
    signed = _joined({**given, "Signature": None})
    return signed, given["SealedDay"], given.get("File"), given["Expires"], given["Signature"]


def _joined(parameters: Mapping[str, str | None]) -> str:
    return "&".join([f"{name}={parameters[name]}" for name in _PARAMETERS if parameters.get(name) is not None])


def _parse(path: str, number: str, file_hash: str | None, expires: str) -> Link:
    in_path = _PATH.fullmatch(path)
    if not in_path:
        raise _forged()
    day, kind, account, created = in_path.groups()
    try:
        return Link(
            account=AccountSid(account),
            resource_type=parse_resource_type(kind),
            day=Day.parse(day),
            created_at=_moment(created),
            sealed_day_id=int(number),
            file_hash=file_hash,
            expires_at=datetime.fromtimestamp(int(expires), UTC),
        )
    except (Invalid, NotFound, ValueError) as error:  # of the right shape, and yet no such type, day or time
        raise _forged() from error


def _moment(digits: str) -> datetime:
    """Read fourteen digits, as `_CREATED` has them; `strptime` takes longer than all the rest of a link."""
    return datetime.fromisoformat(f"{digits[:8]}T{digits[8:]}Z")


def _forged() -> ForgedLink:
    return ForgedLink(
        "This is not a link that was given out here, or it was changed on the way: use it with all that it was given "
        "with, or fetch the day again for a fresh one."
    )
