"""What an export is made of: sealed days, which are the records, day files, which publish them, and the configuration
by which that happens every day.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dayfile.errors import InvalidParameter
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.resource import ResourceType

LONGEST_LINK = timedelta(days=7)
"""No link to a file is given for longer, whatever is set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSealedDay:
    """What a piece of a seal made for one account: the manifest of a file that exists, before it counts."""

    account: AccountSid
    revision: int
    key: str
    records: int
    size_bytes: int
    plain_bytes: int
    sha256: str
    plain_sha256: str
    encoder: str
    first_created_at: datetime
    last_created_at: datetime
    is_incomplete: bool = False  # accepted records are lost that should be in it


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedDay:
    """One revision of one account's day of one resource type: immutable, and provably complete.

    Its manifest: what is in the file, how large it is, and the SHA-256 of both its forms.
    """

    id: int
    account: AccountSid
    resource_type: ResourceType
    day: Day
    revision: int  # 1 for the first; late records give the next
    key: str  # where its bytes are in the object storage
    records: int
    size_bytes: int  # of the gzip file
    plain_bytes: int  # of the JSON lines in it
    sha256: str  # of the gzip file, hexadecimal
    plain_sha256: str  # of the JSON lines: the same records give the same
    encoder: str  # library, version, level, CPU family: the same encoder gives the same bytes
    first_created_at: datetime
    last_created_at: datetime
    sealed_at: datetime
    is_incomplete: bool = False  # accepted records are lost that should be in it: the operator has accepted that


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


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyRun:
    """The daily exports of one resource type and day, for all accounts that have enabled them."""

    resource_type: ResourceType
    day: Day
    cursor: str  # the last account, in the order of their sids, that was seen to; empty at first
    published: int  # files so far
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithheldDay:
    """A daily file that its run has passed over, as something of the account's day is damaged."""

    resource_type: ResourceType
    day: Day
    account: AccountSid


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationChange:
    """What a customer wants otherwise; None leaves a thing as it is, and an empty text takes it away."""

    enabled: bool | None
    webhook_url: str | None
    webhook_method: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportConfiguration:
    """Whether an account gets every day of a resource type by itself, and who is told. It always exists."""

    account: AccountSid
    resource_type: ResourceType
    enabled_at: datetime | None  # None: off
    webhook_url: str  # empty: none
    webhook_method: str  # the same

    @classmethod
    def initial(cls, account: AccountSid, resource_type: ResourceType) -> ExportConfiguration:
        """As it is before its first change: everything off."""
        return cls(account=account, resource_type=resource_type, enabled_at=None, webhook_url="", webhook_method="")

    @property
    def is_enabled(self) -> bool:
        """Whether days are exported by themselves."""
        return self.enabled_at is not None

    def covers(self, day: Day) -> bool:
        """Whether the day is exported by itself: it is enabled, and was before the day's end. It never reaches back."""
        return self.enabled_at is not None and self.enabled_at < day.end

    def changed(self, change: ConfigurationChange, *, now: datetime) -> ExportConfiguration:
        """As it is after a change; raises InvalidParameter if a URL and a method do not come together then."""
        enabled_at = self.enabled_at
        if change.enabled is not None:
            # Enabled once more, it stays enabled from when it was.
            enabled_at = (self.enabled_at or now) if change.enabled else None
        url = self.webhook_url if change.webhook_url is None else change.webhook_url
        method = self.webhook_method if change.webhook_method is None else change.webhook_method
        if change.webhook_url == "" and change.webhook_method is None:
            method = ""  # without an address there is nothing for it to be the method of
        if url and not method:
            raise InvalidParameter("WebhookMethod", "must be given together with WebhookUrl")
        if method and not url:
            raise InvalidParameter("WebhookUrl", "must be given together with WebhookMethod")
        return replace(self, enabled_at=enabled_at, webhook_url=url, webhook_method=method)
