"""Signed, expiring download links: sign, check. Pure: the moment comes in as an argument.

A link names one sealed day (or the empty file) of one account and the second at which it dies. It is its own
credential: whoever has it may download that one file until then, and nothing else. Because it names the revision, the
bytes behind one link never change.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from dayfile.errors import Forbidden, Invalid, NotFound
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.export import DayFile
from dayfile.model.resource import ResourceType, parse_resource_type

EMPTY = 0
"""Stands where the number of a sealed day would: the day has no records, its file is the empty one."""

# The path reads like those of Twilio's bucket, Hive style, so that whatever takes day and type from it goes on working.
# A plain "=" needs no percent-encoding there, and so has one spelling only.
_PATH = re.compile(
    r"daily/day=(?P<day>[0-9-]{10})/type=(?P<type>[A-Za-z]{1,32})/account=(?P<account>AC[0-9a-f]{32})"
    r"/created_time=(?P<created>[0-9]{14})/(?P<name>[A-Za-z0-9.-]{1,64})",
    re.ASCII,
)
_QUERY = re.compile(
    r"SealedDay=(?P<sealed_day>[0-9]{1,18})&Expires=(?P<expires>[0-9]{1,11})&Signature=(?P<signature>[0-9a-f]{64})",
    re.ASCII,
)
_CREATED = "%Y%m%d%H%M%S"


class ForgedLink(Forbidden):
    """A link that was not signed here, or was changed since."""


class ExpiredLink(Forbidden):
    """A link that was good until it expired; `link` says what it was for."""

    def __init__(self, link: Link) -> None:
        super().__init__(f"This link expired at {link.expires_at:%Y-%m-%dT%H:%M:%SZ}.")
        self.link = link


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What a link gives: one file, until `expires_at`. Moments are whole seconds."""

    account: AccountSid
    resource_type: ResourceType
    day: Day
    created_at: datetime
    sealed_day_id: int  # EMPTY for a day without records
    expires_at: datetime

    @classmethod
    def to(cls, day_file: DayFile, *, expires_at: datetime) -> Link:
        """A link to a day file as it is now; it dies at `expires_at` or with the day file, whichever is sooner."""
        return cls(
            account=day_file.account,
            resource_type=day_file.resource_type,
            day=day_file.day,
            created_at=day_file.created_at.replace(microsecond=0),
            sealed_day_id=day_file.sealed.id if day_file.sealed else EMPTY,
            expires_at=min(expires_at, day_file.expires_at).replace(microsecond=0),
        )

    @property
    def file_name(self) -> str:
        """What a file saved from the link is best called."""
        return f"{self.resource_type}-{self.day}.json.gz"

    @property
    def path(self) -> str:
        """Where the file stands below the address of all downloads."""
        return (
            f"daily/day={self.day}/type={self.resource_type}/account={self.account}"
            f"/created_time={self.created_at.astimezone(UTC):{_CREATED}}/{self.file_name}"
        )


class LinkSigner:
    """Signs links with one key, which is used for nothing else, and knows its own again."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, link: Link) -> str:
        """The path and query of a link, to be put after the address of all downloads."""
        return f"{link.path}?{self._query(link)}"

    def check(self, path: str, query: str, *, now: datetime) -> Link:
        """What a link gives, from its path (percent-decoded) and its query, exactly as `sign` spelled them.

        Raises ForgedLink for anything that was not signed here, character for character, and ExpiredLink from the
        second of its expiry on.
        """
        link = _parse(path, query)
        # Signing what was understood and comparing the whole texts leaves no second spelling of a good link.
        expected = f"{link.path}?{self._query(link)}"
        if not hmac.compare_digest(expected, f"{path}?{query}"):
            raise _forged()
        if now >= link.expires_at:
            raise ExpiredLink(link)
        return link

    def _query(self, link: Link) -> str:
        named = f"SealedDay={link.sealed_day_id}&Expires={int(link.expires_at.timestamp())}"
        signature = hmac.digest(self._key, f"{link.path}?{named}".encode(), "sha256").hex()
        return f"{named}&Signature={signature}"


def _parse(path: str, query: str) -> Link:
    in_path, in_query = _PATH.fullmatch(path), _QUERY.fullmatch(query)
    if not in_path or not in_query:
        raise _forged()
    try:
        return Link(
            account=AccountSid(in_path["account"]),
            resource_type=parse_resource_type(in_path["type"]),
            day=Day.parse(in_path["day"]),
            created_at=datetime.strptime(in_path["created"], _CREATED).replace(tzinfo=UTC),
            sealed_day_id=int(in_query["sealed_day"]),
            expires_at=datetime.fromtimestamp(int(in_query["expires"]), UTC),
        )
    except (Invalid, NotFound, ValueError) as error:  # of the right shape, and yet no such type, day or time
        raise _forged() from error


def _forged() -> ForgedLink:
    return ForgedLink(
        "This is not a link that was given out here, or it was changed on the way: use it exactly as it was given, "
        "or fetch the day again for a fresh one."
    )
