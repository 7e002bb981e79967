"""Values of exports: sealed days (the records), day files, which publish them, and configurations of daily exports."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from dayfile.errors import InvalidParameter
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.resource import ResourceType

LONGEST_LINK = timedelta(days=7)
"""The longest lifetime of a link to a file, whatever is configured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlace:
    """The place of the bytes of a sealed file: an object of its own, or a pack, from `start` on."""

    object_key: str
    start: int = 0
    pack_id: int | None = None  # None: an object of its own

    @property
    def is_packed(self) -> bool:
        """True if the file shares its object with others."""
        return self.pack_id is not None


class NewSealedDay(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The manifest of one account's file, made by a piece of a seal: the file exists and does not count yet.

    There may be millions of a day: a dataclass takes several times as long to make.
    """

    account: AccountSid
    revision: int
    key: str  # its name; the key of its object, unless it is in a pack
    records: int
    size_bytes: int
    plain_bytes: int
    sha256: str
    plain_sha256: str
    encoder: str
    first_created_at: datetime
    last_created_at: datetime
    is_incomplete: bool = False  # accepted records are lost that should be in it
    pack_key: str | None = None
    pack_offset: int | None = None
    xxh3: str | None = None  # as in a sealed day


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedDay:
    """One revision of one account's day of one resource type: immutable, and provably complete.

    It holds the manifest: what is in the file, how large it is, and the SHA-256 of both its forms. The
    fast digest is for downloads: it finds what a disk or a mistake has changed, not what was forged to fit it.
    """

    id: int
    account: AccountSid
    resource_type: ResourceType
    day: Day
    revision: int  # 1 for the first; late records give the next
    key: str  # its name, which never changes; the key of its object, unless it is in a pack
    records: int
    size_bytes: int  # of the gzip file
    plain_bytes: int  # of the JSON lines in it
    sha256: str  # of the gzip file, hexadecimal
    plain_sha256: str  # of the JSON lines: the same records give the same
    encoder: str  # library, version, level, CPU family: the same encoder gives, as a rule, the same bytes
    first_created_at: datetime
    last_created_at: datetime
    sealed_at: datetime
    is_incomplete: bool = False  # accepted records are lost that should be in it: the operator has accepted that
    pack: FilePlace | None = None  # None: it has an object of its own
    xxh3: str | None = None  # fast digest of the gzip file: XXH3, 128 bits; None: a small file, or an old one

    @property
    def place(self) -> FilePlace:
        """The place of its bytes now; the rewrite of a pack changes it."""
        return self.pack or FilePlace(object_key=self.key)


class Revision(NamedTuple):
    """The part of a sealed day that a calendar needs: it has hundreds, and a tuple is made in a quarter of the time."""

    id: int  # of the sealed day; 0: the day has no records
    seal_id: int  # the seal that made it; the same
    day: Day
    number: int  # the same
    records: int
    size_bytes: int  # of the gzip file


class FileDetails(NamedTuple):
    """The part of a day file that a list shows and a calendar does not."""

    day: Day
    sealed_at: datetime | None  # None: a day without records
    sha256: str | None  # of the gzip file; the same
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFile:
    """The published file of one account, resource type and day; `sealed` is None for a day without records."""

    account: AccountSid
    resource_type: ResourceType
    day: Day
    friendly_name: str
    created_at: datetime
    generation: int  # order of publication within the account; the Days list goes by it
    sealed: SealedDay | None
    expires_at: datetime

    @property
    def is_of_its_owner(self) -> bool:
        """True unless what is published is the sealed day of another account, resource type or day."""
        own = (self.account, self.resource_type, self.day)
        return self.sealed is None or (self.sealed.account, self.sealed.resource_type, self.sealed.day) == own


class ListedDay(NamedTuple):
    """An entry of the Days list of a resource type: what it shows of a day file."""

    day: Day
    friendly_name: str
    created_at: datetime
    generation: int
    size_bytes: int  # of the gzip file


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyRun:
    """The daily exports of one resource type and day, for all accounts that have enabled them."""

    resource_type: ResourceType
    day: Day
    cursor: str  # the last account processed, in the order of their sids; empty at first
    published: int  # number of files so far
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithheldDay:
    """A daily file that its run has passed over, as something of the account's day is damaged."""

    resource_type: ResourceType
    day: Day
    account: AccountSid


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationChange:
    """A customer's changes to a configuration. None leaves a field as it is, and an empty text clears it."""

    enabled: bool | None
    webhook_url: str | None
    webhook_method: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportConfiguration:
    """The settings of an account's daily exports of a resource type, and of their webhook. They always exist."""

    account: AccountSid
    resource_type: ResourceType
    enabled_at: datetime | None  # None: off
    webhook_url: str  # empty: none
    webhook_method: str  # the same

    @classmethod
    def initial(cls, account: AccountSid, resource_type: ResourceType) -> ExportConfiguration:
        """Return the configuration before its first change: everything is off."""
        return cls(account=account, resource_type=resource_type, enabled_at=None, webhook_url="", webhook_method="")

    @property
    def is_enabled(self) -> bool:
        """True if days are exported automatically."""
        return self.enabled_at is not None

    def covers(self, day: Day) -> bool:
        """Return True if the day is exported automatically: exports are on since before its end. Never retroactive."""
        return self.enabled_at is not None and self.enabled_at < day.end

    def changed(self, change: ConfigurationChange, *, now: datetime) -> ExportConfiguration:
        """Return the changed configuration; raises InvalidParameter for a URL without a method, or the reverse."""
        enabled_at = self.enabled_at
        if change.enabled is not None:
            # Enabling again keeps the moment from which exports have been enabled.
            enabled_at = (self.enabled_at or now) if change.enabled else None
        url = self.webhook_url if change.webhook_url is None else change.webhook_url
        method = self.webhook_method if change.webhook_method is None else change.webhook_method
        if change.webhook_url == "" and change.webhook_method is None:
            method = ""  # without a URL there is no webhook that it could be the method of
        if url and not method:
            raise InvalidParameter("WebhookMethod", "must be given together with WebhookUrl")
        if method and not url:
            raise InvalidParameter("WebhookUrl", "must be given together with WebhookMethod")
        return replace(self, enabled_at=enabled_at, webhook_url=url, webhook_method=method)
