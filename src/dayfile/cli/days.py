"""The customer's commands about published days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dayfile.cli.account_view import AccountOption, seen_by, types_of
from dayfile.cli.daygrid import range_text
from dayfile.cli.family import Family
from dayfile.cli.options import (
    DayArgument,
    DaysArgument,
    JsonOption,
    OptionalTypeArgument,
    Password,
    TypeArgument,
    Url,
    Username,
    screen_of,
)
from dayfile.cli.outcome import Outcome
from dayfile.cli.remote import server_at
from dayfile.cli.show import Column, Screen, count_text, size_text
from dayfile.clock import SystemClock
from dayfile.errors import Corrupt, NotFound
from dayfile.model.day import Day, DayRange
from dayfile.model.resource import ResourceType

if TYPE_CHECKING:
    from dayfile.cli.download import Downloaded, Downloader

app = Family(help="Published days: list and download them.")

FolderOption = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FOLDER",
        file_okay=False,
        help="Where the files go; made if it is not there.",
        show_default="the working folder",
    ),
]


@app.command("list")
def list_days(
    ctx: typer.Context,
    *,
    resource_type: OptionalTypeArgument = None,
    account: AccountOption = None,
    as_json: JsonOption = False,
    url: Url = None,
    account_sid: Username = None,
    auth_token: Password = None,
) -> None:
    """List the published days of a resource type, or of all.

    The operator names the account with --account, and reads it on the instance.
    """
    screen = screen_of(ctx)
    with seen_by(screen, account, login=(url, account_sid, auth_token)) as server:
        found = [(one, day) for one in types_of(resource_type) for day in server.days(one)]
    if as_json:
        screen.json([day.answer for _, day in found])
        return
    columns = (
        Column("TYPE", whole=True),
        Column("DAY", whole=True),
        Column("SIZE", right=True),
        Column("EXPORTED", whole=True),
        Column("NAME"),
    )
    rows = (
        (one, day.day, None if day.size_bytes is None else size_text(day.size_bytes), day.created, day.friendly_name)
        for one, day in found
    )
    of = f" of {resource_type}" if resource_type else ""
    screen.table(columns, rows, empty=f"No day{of} is published. Ask for some: dayfile jobs create --help")


@app.command("show")
def show(
    ctx: typer.Context,
    *,
    resource_type: TypeArgument,
    day: DayArgument,
    account: AccountOption = None,
    as_json: JsonOption = False,
    url: Url = None,
    account_sid: Username = None,
    auth_token: Password = None,
) -> None:
    """Show what proves a published day complete: its revision, records, sizes, hashes and times, as its manifest says.

    The operator names the account with --account, and reads it on the instance.
    """
    screen = screen_of(ctx)
    with seen_by(screen, account, login=(url, account_sid, auth_token)) as server:
        manifest = server.find_manifest(resource_type, day)
    if manifest is None:
        raise NotFound(_not_published(resource_type, [day]))
    if as_json:
        screen.json(manifest.answer)
        return
    answer = manifest.answer
    screen.facts(
        {
            "day": f"{resource_type} {day}",
            "name": str(answer.get("friendly_name") or ""),
            "revision": str(manifest.revision),
            "records": f"{manifest.records:,}",
            "size": f"{size_text(manifest.size_bytes)}, {size_text(manifest.plain_bytes)} of text",
            "SHA-256": f"{manifest.sha256} of the file",
            "": f"{manifest.plain_sha256} of its text",
            "sealed": str(answer.get("date_sealed") or "no record, so nothing was sealed"),
            "published": str(answer.get("date_created") or ""),
            "expires": str(answer.get("date_expires") or ""),
        }
    )


@app.command("fetch")
def fetch(
    ctx: typer.Context,
    *,
    resource_type: TypeArgument,
    day: DayArgument,
    as_json: JsonOption = False,
    url: Url = None,
    account_sid: Username = None,
    auth_token: Password = None,
) -> None:
    """Print a link to the file of one day. It works for some minutes, without credentials."""
    screen = screen_of(ctx)
    with server_at(url, account_sid, auth_token) as server:
        link = server.link(resource_type, day)
        if not as_json:
            screen.line(link)
            return
        manifest = server.find_manifest(resource_type, day)
    screen.json({"redirect_to": link, "manifest": manifest.answer if manifest else None})


@app.command("download")
def download(
    ctx: typer.Context,
    *,
    resource_type: TypeArgument,
    days: DaysArgument,
    folder: FolderOption = Path(),
    as_json: JsonOption = False,
    url: Url = None,
    account_sid: Username = None,
    auth_token: Password = None,
) -> None:
    """Download the files of a day or a range of days, whole or not at all.

    Run the command again to resume interrupted downloads; complete files that match the server's manifest stay. Exit
    code 3 when a day of the range is not published, 1 when a file is damaged; the others are downloaded.
    """
    from dayfile.cli.download import Downloader

    screen = screen_of(ctx)
    folder.mkdir(parents=True, exist_ok=True)
    with server_at(url, account_sid, auth_token) as server:
        downloader = Downloader(server, folder, clock=SystemClock())
        found = _download(screen, downloader, resource_type, days)
    if as_json:
        screen.json([_as_json(day, file) for day, file in found.files])
    else:
        _show(screen, found.files)
    for problem in found.damaged:
        screen.problem(problem)
    if found.missing:
        screen.problem(_not_published(resource_type, found.missing))
    if found.damaged or found.missing:
        raise typer.Exit(Outcome.FAILED if found.damaged else Outcome.NOT_FOUND)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The outcome of downloading a range of days."""

    files: list[tuple[Day, Downloaded]]  # complete in the folder
    missing: list[Day]  # not published
    damaged: list[str]  # a message for each damaged file


def _download(screen: Screen, downloader: Downloader, resource_type: ResourceType, days: DayRange) -> _Found:
    found = _Found(files=[], missing=[], damaged=[])
    for number, day in enumerate(days, start=1):
        with screen.transfer(f"{resource_type} {day}, {number} of {len(days)}", None) as bar:
            try:
                found.files.append((day, downloader.download(resource_type, day, progress=bar.reach)))
            except NotFound:
                found.missing.append(day)
            except Corrupt as error:
                found.damaged.append(str(error))
    return found


def _show(screen: Screen, files: Sequence[tuple[Day, Downloaded]]) -> None:
    if not files:
        return
    columns = (
        Column("DAY", whole=True),
        Column("RECORDS", right=True),
        Column("SIZE", right=True),
        Column("CHECKED BY"),
        Column("FILE"),
    )
    rows = ((day, file.found.lines, size_text(file.found.size_bytes), _proof(file), file.path) for day, file in files)
    screen.table(columns, rows, empty="")
    incomplete = [str(day) for day, file in files if _is_incomplete(file)]
    if incomplete:
        screen.warn(f"records of {', '.join(incomplete)} were lost on the server: the manifest says incomplete")
    size = sum(file.found.size_bytes for _, file in files)
    records = sum(file.found.lines for _, file in files)
    screen.note(f"{count_text(len(files), 'file')}, {count_text(records, 'record')}, {size_text(size)}")


def _is_incomplete(file: Downloaded) -> bool:
    return file.manifest is not None and file.manifest.answer.get("incomplete") is True


def _proof(file: Downloaded) -> str:
    proof = "SHA-256" if file.is_proven else "gzip CRC"
    return f"{proof}, was here" if file.was_here else proof


def _as_json(day: Day, file: Downloaded) -> dict[str, object]:
    return {
        "day": str(day),
        "path": str(file.path),
        "records": file.found.lines,
        "size_bytes": file.found.size_bytes,
        "plain_bytes": file.found.plain_bytes,
        "sha256": file.found.sha256,
        "plain_sha256": file.found.plain_sha256,
        "proven": file.is_proven,
        "was_here": file.was_here,
        "revision": file.manifest.revision if file.manifest else None,
        "incomplete": _is_incomplete(file),
    }


def _not_published(resource_type: ResourceType, missing: Sequence[Day]) -> str:
    named = ", ".join(map(str, missing[:5])) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")  # noqa: PLR2004
    asked = range_text(missing[0], missing[-1])
    return f"not published: {named}. Ask for it: dayfile jobs create {resource_type} {asked}"
