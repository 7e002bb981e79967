"""The customer's commands about published days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dayfile.cli.account_view import AccountOption, seen_by, types_of
from dayfile.cli.command_group import Family
from dayfile.cli.daygrid import range_text
from dayfile.cli.exit_codes import Outcome
from dayfile.cli.options import (
    DayArgument,
    DaysArgument,
    JsonOption,
    OptionalTypesArgument,
    Password,
    TypeArgument,
    TypesArgument,
    Url,
    Username,
    screen_of,
)
from dayfile.cli.remote import server_at
from dayfile.cli.terminal import Column, Screen
from dayfile.errors import Corrupt, NotFound
from dayfile.model.day import Day
from dayfile.model.quantity import count_text, size_text
from dayfile.model.resource import ResourceType

if TYPE_CHECKING:
    from dayfile.client.download import Downloaded, Downloader

app = Family(help="Published days: list and download them, and keep an archive.")

STOPPED = "Stopped. What has arrived is kept: run the same command again to resume."

FolderOption = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FOLDER",
        file_okay=False,
        help="Folder for the files; created if need be.",
        show_default="the working folder",
    ),
]


@app.command("list")
def list_days(
    ctx: typer.Context,
    *,
    resource_types: OptionalTypesArgument = None,
    account: AccountOption = None,
    as_json: JsonOption = False,
    url: Url = None,
    account_sid: Username = None,
    auth_token: Password = None,
) -> None:
    """List the published days of a resource type, or of all types.

    With --account, the operator sees the days of any account on the instance.
    """
    screen = screen_of(ctx)
    with seen_by(screen, account, login=(url, account_sid, auth_token)) as server:
        found = [(one, day) for one in types_of(resource_types) for day in server.days(one)]
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
    of = f" of {resource_types[0]}" if resource_types and len(resource_types) == 1 else ""
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
    """Show the manifest of a published day, which proves it complete: its revision, records, sizes, hashes and times.

    With --account, the operator sees a day of any account on the instance.
    """
    screen = screen_of(ctx)
    with seen_by(screen, account, login=(url, account_sid, auth_token)) as server:
        manifest = server.find_manifest(resource_type, day)
    if manifest is None:
        raise NotFound(_not_published([(resource_type, day)]))
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
    """Print a link to the file of one day. The link needs no credentials, and expires."""
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
    resource_types: TypesArgument,
    days: DaysArgument,
    folder: FolderOption = Path(),
    as_json: JsonOption = False,
    url: Url = None,
    account_sid: Username = None,
    auth_token: Password = None,
) -> None:
    """Download the files of a day or a range of days. A file gets its name only when it is complete.

    Run the command again to resume; files that match the server's manifest are not downloaded again. Exit code 3 if a
    day is not published, 1 if a file is damaged; the other files are downloaded all the same.
    """
    from dayfile.client.download import Downloader

    screen = screen_of(ctx)
    folder.mkdir(parents=True, exist_ok=True)
    with server_at(url, account_sid, auth_token) as server:
        places = [(of, day) for of in resource_types for day in days]
        found = _download(screen, Downloader(server, folder), places)
    if as_json:
        screen.json([_as_json(of, day, file) for of, day, file in found.files])
    else:
        _show(screen, found.files)
    for problem in found.damaged:
        screen.problem(problem)
    if found.missing:
        screen.problem(_not_published(found.missing))
    if found.damaged or found.missing:
        raise typer.Exit(Outcome.FAILED if found.damaged else Outcome.NOT_FOUND)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The outcome of downloading a range of days."""

    files: list[tuple[ResourceType, Day, Downloaded]]  # complete in the folder
    missing: list[tuple[ResourceType, Day]]  # not published
    damaged: list[str]  # a message for each damaged file


def _download(screen: Screen, downloader: Downloader, places: Sequence[tuple[ResourceType, Day]]) -> _Found:
    found = _Found(files=[], missing=[], damaged=[])
    for number, (of, day) in enumerate(places, start=1):
        with screen.transfer(f"{of} {day}, {number} of {len(places)}", None) as bar, screen.when_stopped(STOPPED):
            try:
                found.files.append((of, day, downloader.download(of, day, progress=bar.reach)))
            except NotFound:
                found.missing.append((of, day))
            except Corrupt as error:
                found.damaged.append(str(error))
    return found


def _show(screen: Screen, files: Sequence[tuple[ResourceType, Day, Downloaded]]) -> None:
    if not files:
        return
    columns = (
        Column("DAY", whole=True),
        Column("RECORDS", right=True),
        Column("SIZE", right=True),
        Column("CHECKED BY"),
        Column("FILE"),
    )
    rows = (
        (day, file.found.lines, size_text(file.found.size_bytes), proof_text(file), file.path) for _, day, file in files
    )
    screen.table(columns, rows, empty="")
    incomplete = [f"{of} {day}" for of, day, file in files if file.is_incomplete]
    if incomplete:
        screen.warn(f"records of {', '.join(incomplete)} were lost on the server: the manifest says incomplete")
    size = sum(file.found.size_bytes for _, _, file in files)
    records = sum(file.found.lines for _, _, file in files)
    screen.note(f"{count_text(len(files), 'file')}, {count_text(records, 'record')}, {size_text(size)}")


def proof_text(file: Downloaded) -> str:
    """Say what the file was compared with."""
    proof = "SHA-256" if file.is_proven else "gzip CRC"
    return f"{proof}, was here" if file.was_here else proof


def _as_json(resource_type: ResourceType, day: Day, file: Downloaded) -> dict[str, object]:
    return {
        "resource_type": resource_type.name,
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
        "incomplete": file.is_incomplete,
    }


def _not_published(missing: Sequence[tuple[ResourceType, Day]]) -> str:
    of, first = missing[0]
    shown = [str(day) if kind is of else f"{kind} {day}" for kind, day in missing[:5]]
    named = ", ".join(shown) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")  # noqa: PLR2004
    asked = range_text(first, max(day for kind, day in missing if kind is of))
    return f"not published: {named}. Ask for it with: dayfile jobs create {of} {asked}"
