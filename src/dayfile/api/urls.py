"""The addresses that clients are given: all absolute, on the public base, and made here only."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.job import JobSid
from dayfile.model.notice import EventSid
from dayfile.model.resource import ResourceType

DOWNLOADS = "/v1/Downloads"

SOUND_LABELS = (1, 3, 4, 5)
"""How many labels a host name may have: Node and Java clients take it apart as product.edge.region.domain and put it
together again on every request, so that two come out doubled, and of six or more some are lost (Go loses them, too)."""


def is_sound(public: str) -> bool:
    """Whether every one of Twilio's libraries reaches this base, or asks another host that nobody meant."""
    host = urlsplit(public).hostname or ""
    return ":" in host or len(host.split(".")) in SOUND_LABELS


@dataclass(frozen=True, slots=True)
class Urls:
    """Addresses below one public base."""

    public: str  # scheme, host and port, without a slash at the end

    @property
    def accounts(self) -> str:
        return f"{self.public}/v1/Accounts"

    def account(self, sid: AccountSid) -> str:
        return f"{self.accounts}/{sid}"

    def keys(self, sid: AccountSid) -> str:
        return f"{self.account(sid)}/Keys"

    def export(self, resource_type: ResourceType) -> str:
        return f"{self.public}/v1/Exports/{resource_type}"

    def configuration(self, resource_type: ResourceType) -> str:
        return f"{self.export(resource_type)}/Configuration"

    def days(self, resource_type: ResourceType) -> str:
        return f"{self.export(resource_type)}/Days"

    def day(self, resource_type: ResourceType, day: Day) -> str:
        return f"{self.days(resource_type)}/{day}"

    def manifest(self, resource_type: ResourceType, day: Day) -> str:
        return f"{self.day(resource_type, day)}/Manifest"

    def export_custom_jobs(self, resource_type: ResourceType) -> str:
        return f"{self.export(resource_type)}/Jobs"

    @property
    def jobs(self) -> str:
        return f"{self.public}/v1/Exports/Jobs"

    def job(self, sid: JobSid) -> str:
        return f"{self.jobs}/{sid}"

    @property
    def notices(self) -> str:
        return f"{self.public}/v1/Notices"

    def notice(self, sid: EventSid) -> str:
        return f"{self.notices}/{sid}"

    def download(self, signed: str) -> str:
        return f"{self.public}{DOWNLOADS}/{signed}"

    def error(self, code: int) -> str:
        return f"{self.public}/errors/{code}"
