"""Links to day files as they are given to customers, by the API and the console alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from dayfile.clock import Clock
from dayfile.errors import DamagedFile, NotFound
from dayfile.files.links import Link, LinkSigner
from dayfile.files.storage import Storage
from dayfile.model.day import Day
from dayfile.model.export import DayFile
from dayfile.model.resource import ResourceType
from dayfile.objects.file_reader import FileReader
from dayfile.store.database import Database
from dayfile.web.urls import Urls


class LinkSource(Protocol):
    """The parts of an instance by which links are made."""

    @property
    def database(self) -> Database:
        """The state database."""
        ...

    @property
    def storage(self) -> Storage:
        """The object storage."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...

    @property
    def links(self) -> LinkSigner:
        """The signer of links."""
        ...

    @property
    def link_lifetime(self) -> timedelta:
        """The time for which a link works."""
        ...

    @property
    def public_url(self) -> str:
        """The base URL at which clients reach this server."""
        ...

    @property
    def redirects_downloads(self) -> bool:
        """True if links lead to the object store, where it has an object that is the file."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DayLink:
    """A link to a day file, and the address that is given for it."""

    link: Link
    address: str


def check_published(found: DayFile | None, resource_type: ResourceType, day: Day) -> DayFile:
    """Return the day file that was found of a day.

    Raises NotFound if there is none, or it has expired, and DamagedFile if its row names another file.
    """
    if found is None:
        raise NotFound(
            f"no file of {resource_type} for {day} is published, or it has expired: create a job for that day"
        )
    if not found.is_of_its_owner:
        raise DamagedFile(str(resource_type), str(day))  # a row that was edited, or went bad: `check` names it
    return found


def make_day_link(source: LinkSource, day_file: DayFile, *, now: datetime) -> DayLink:
    """Return a fresh link to a day file. The caller has noted in the audit log to whom it is given."""
    link = Link.to(day_file, expires_at=now + source.link_lifetime)
    address = _at_the_store(source, day_file, link, now)
    return DayLink(link=link, address=address or Urls(source.public_url).download(source.links.sign(link)))


def _at_the_store(source: LinkSource, day_file: DayFile, link: Link, now: datetime) -> str | None:
    """Return where the object store itself gives the file, until the link expires; None if Dayfile serves it."""
    if day_file.sealed is None or not source.redirects_downloads:
        return None
    reader = FileReader(source.database, source.storage, clock=source.clock)
    return reader.link(day_file.sealed, lifetime=max(link.expires_at - now, timedelta(seconds=1)))
