"""URLs given to clients: all absolute, below the public base URL, and made only here."""

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
"""Numbers of labels that a host name may have: Twilio's Node and Java clients split it as product.edge.region.domain
and join it again on every request. They double names of two labels, and drop labels of six or more, as Go does."""


def is_sound(public: str) -> bool:
    """Return True if every Twilio library reaches this base URL; with others, some call a different host."""
    host = urlsplit(public).hostname or ""
    return ":" in host or len(host.split(".")) in SOUND_LABELS


@dataclass(frozen=True, slots=True)
class Urls:
    """URLs below one public base URL."""

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
