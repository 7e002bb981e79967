"""What an export is made of: sealed days, which are the records, and day files, which publish them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.resource import ResourceType


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
