"""Response bodies of exports: resource types, configurations, days and manifests."""

from __future__ import annotations

from datetime import UTC, date
from functools import lru_cache
from typing import Annotated, Final

from dayfile.api.body import Body, ClosedBody, json_text, moment_text
from dayfile.api.openapi.schema import (
    ACCOUNT_SID,
    RESOURCE_TYPE,
    SHA256,
    day,
    flag,
    moment,
    number,
    text,
    url,
)
from dayfile.api.paging import MetaBody
from dayfile.model.empty import EMPTY_ENCODER, EMPTY_FILE, EMPTY_PLAIN_SHA256, EMPTY_SHA256
from dayfile.model.export import DayFile, ExportConfiguration, ListedDay
from dayfile.model.resource import ResourceType
from dayfile.web.urls import Urls

LARGEST_SIZE: Final = 2**31 - 1
"""Largest `size`: Java and C# clients parse it as 32 bits. The manifest and Content-Length have the true size."""

REMEMBERED_DAYS: Final = 2000
"""Most entries of Days lists whose JSON is remembered, which takes a quarter of a kilobyte, or a kilobyte at most."""

_HASH: Final = "^[0-9a-f]{64}$"


class ExportLinks(ClosedBody, frozen=True, kw_only=True):
    """Addresses of what belongs to it."""

    days: Annotated[str, url("The days that can be downloaded.", "/v1/Exports/Messages/Days")]
    export_custom_jobs: Annotated[str, url("The jobs of this type.", "/v1/Exports/Messages/Jobs")]
    jobs: Annotated[str, url("Where a single job is, followed by its sid.", "/v1/Exports/Jobs")]


class ExportBody(ClosedBody, frozen=True, kw_only=True):
    """A resource type, and where its days and jobs are."""

    resource_type: Annotated[str, RESOURCE_TYPE]
    url: Annotated[str, url("The address of this resource type.", "/v1/Exports/Messages")]
    links: ExportLinks

    @classmethod
    def of(cls, urls: Urls, resource_type: ResourceType) -> ExportBody:
        """Return the export of a resource type: its URLs."""
        links = ExportLinks(
            days=urls.days(resource_type),
            export_custom_jobs=urls.export_custom_jobs(resource_type),
            jobs=urls.jobs,
        )
        return cls(resource_type=resource_type.name, url=urls.export(resource_type), links=links)


class ExportConfigurationBody(ClosedBody, frozen=True, kw_only=True):
    """The daily exports of a resource type: on or off, and who is told."""

    url: Annotated[str, url("The address of this configuration.", "/v1/Exports/Messages/Configuration")]
    enabled: Annotated[
        bool, flag("True if each day's file is published automatically once the day is over.", example=True)
    ]
    webhook_url: Annotated[
        str, text("The URL that is called for each daily file; empty for none.", "https://example.com/hook")
    ]
    webhook_method: Annotated[str, text("The method of the call; empty for none.", "POST", enum=["GET", "POST", ""])]
    resource_type: Annotated[str, RESOURCE_TYPE]

    @classmethod
    def of(cls, urls: Urls, configuration: ExportConfiguration) -> ExportConfigurationBody:
        """Return a configuration; an unset webhook URL or method is an empty text."""
        return cls(
            url=urls.configuration(configuration.resource_type),
            enabled=configuration.is_enabled,
            webhook_url=configuration.webhook_url,
            webhook_method=configuration.webhook_method,
            resource_type=configuration.resource_type.name,
        )


class DayBody(ClosedBody, frozen=True, kw_only=True):
    """A day that can be downloaded."""

    friendly_name: Annotated[str, text("The name of the job that published it; `Daily export` if none did.", "october")]
    create_date: Annotated[date, day("When it was published.", "2026-10-03")]
    day: Annotated[date, day("The UTC day of its records.")]
    resource_type: Annotated[str, RESOURCE_TYPE]
    size: Annotated[
        int,
        number(
            f"The size of the gzip file in bytes. A larger size than {LARGEST_SIZE} is shown as that; the manifest "
            "has the true one.",
            1857,
            minimum=0,
            maximum=LARGEST_SIZE,
        ),
    ]

    @classmethod
    def of(cls, listed: ListedDay, resource_type: ResourceType) -> DayBody:
        """Return an entry of the Days list of a resource type."""
        return cls(
            friendly_name=listed.friendly_name,
            create_date=listed.created_at.astimezone(UTC).date(),
            day=listed.day.date,
            resource_type=resource_type.name,
            size=min(LARGEST_SIZE, listed.size_bytes),
        )


@lru_cache(maxsize=REMEMBERED_DAYS)
def day_json(listed: ListedDay, resource_type: ResourceType) -> bytes:
    """Return an entry of the Days list as JSON."""
    return json_text(DayBody.of(listed, resource_type))


class DayListBody(ClosedBody, frozen=True, kw_only=True):
    """One page of the days, in the order in which they were published."""

    meta: MetaBody
    days: list[DayBody]


class DayLinkBody(ClosedBody, frozen=True, kw_only=True):
    """The link to the file of a day."""

    redirect_to: Annotated[
        str, url("The signed link; the header Location has it, too.", "/v1/Downloads/daily/day=2026-10-01/...")
    ]


class ManifestBody(Body, frozen=True, kw_only=True):
    """The manifest of a day, which proves its current file complete."""

    account_sid: Annotated[str, text("The account.", ACCOUNT_SID)]
    resource_type: Annotated[str, RESOURCE_TYPE]
    day: Annotated[str, day("The UTC day of the records.")]
    revision: Annotated[
        int,
        number(
            "The revision of the day's text, from 1: one more for each change. 0 for a day without records.",
            1,
            minimum=0,
        ),
    ]
    records: Annotated[int, number("How many lines the file has.", 1204, minimum=0)]
    size_bytes: Annotated[int, number("The bytes of the gzip file.", 48213, minimum=0)]
    sha256: Annotated[str, text("Their SHA-256.", SHA256, pattern=_HASH)]
    plain_bytes: Annotated[int, number("The bytes of its text.", 412960, minimum=0)]
    plain_sha256: Annotated[str, text("Their SHA-256.", SHA256, pattern=_HASH)]
    first_date_created: (
        Annotated[str, moment("The `date_created` of the first record; null for no records.", "2026-10-01T00:00:04Z")]
        | None
    )
    last_date_created: (
        Annotated[str, moment("The `date_created` of the last record; null for no records.", "2026-10-01T23:59:58Z")]
        | None
    )
    date_sealed: (
        Annotated[str, moment("When this revision was made; null for revision 0.", "2026-10-02T01:00:07Z")] | None
    )
    encoder: Annotated[
        str, text("The encoder that compressed it. As a rule, the same one gives the same bytes.", "isal 1.8.0 level 1")
    ]
    incomplete: Annotated[
        bool,
        flag("True if accepted records were lost to damage: this and all later revisions lack them.", example=False),
    ]
    friendly_name: Annotated[str, text("As on the Days list.", "october")]
    date_created: Annotated[str, moment("When the day was published.", "2026-10-03T08:12:44Z")]
    date_expires: Annotated[str, moment("When it leaves the Days list.", "2026-10-10T08:12:44Z")]
    url: Annotated[str, url("The address of this manifest.", "/v1/Exports/Messages/Days/2026-10-01/Manifest")]

    @classmethod
    def of(cls, urls: Urls, day_file: DayFile) -> ManifestBody:
        """Return the manifest of a day. A day without records has revision 0 and no times."""
        sealed = day_file.sealed
        has_records = sealed is not None and sealed.records > 0
        return cls(
            account_sid=day_file.account,
            resource_type=day_file.resource_type.name,
            day=str(day_file.day),
            revision=sealed.revision if sealed else 0,
            records=sealed.records if sealed else 0,
            size_bytes=sealed.size_bytes if sealed else len(EMPTY_FILE),
            sha256=sealed.sha256 if sealed else EMPTY_SHA256,
            plain_bytes=sealed.plain_bytes if sealed else 0,
            plain_sha256=sealed.plain_sha256 if sealed else EMPTY_PLAIN_SHA256,
            first_date_created=moment_text(sealed.first_created_at) if sealed and has_records else None,
            last_date_created=moment_text(sealed.last_created_at) if sealed and has_records else None,
            date_sealed=moment_text(sealed.sealed_at) if sealed else None,
            encoder=sealed.encoder if sealed else EMPTY_ENCODER,
            incomplete=sealed.is_incomplete if sealed else False,
            friendly_name=day_file.friendly_name,
            date_created=moment_text(day_file.created_at),
            date_expires=moment_text(day_file.expires_at),
            url=urls.manifest(day_file.resource_type, day_file.day),
        )
