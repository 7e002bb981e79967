"""The customer's command that keeps an archive of days up to date."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from dayfile.cli.days import STOPPED, FolderOption, proof_text
from dayfile.cli.exit_codes import Outcome
from dayfile.cli.options import DaysArgument, JsonOption, Password, TypesArgument, Url, Username, screen_of
from dayfile.cli.remote import server_at
from dayfile.cli.terminal import Bar, Column, Screen
from dayfile.model.quantity import count_text, size_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dayfile.client.download import Progress
    from dayfile.client.sync import SyncedDay

_SHOWN: Final = 20


def sync(
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
    """Keep an archive of days in a folder: submit jobs for days that are not published, wait, download and verify.

    Run it as often as you like: files in the folder are kept, and an interrupted run is resumed. Exit code 1 if a day
    failed, 4 if a day must wait, because it is too new or today's quota is used up.
    """
    screen = screen_of(ctx)
    with server_at(url, account_sid, auth_token) as server:
        total = len(resource_types) * len(days)
        with screen.counting("Looking at what is published", total) as bar, screen.when_stopped(STOPPED):
            synced = server.sync(resource_types, days.first, days.last, folder=folder, watcher=_Shown(bar))
    if as_json:
        screen.json([_as_json(one) for one in synced])
    else:
        _show(screen, synced)
    _end(screen, synced)


class _Shown:
    """A run as a bar that counts days."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar

    def begins(self, what: str) -> Progress:
        def reach(amount: int, total: int | None) -> None:
            of = f" of {size_text(total)}" if total else ""
            self._bar.describe(f"{what}, {size_text(amount)}{of}")

        self._bar.describe(what)
        return reach

    def ends(self, synced: SyncedDay) -> None:
        del synced
        self._bar.advance(1)

    def waits(self, jobs: int, days: int) -> None:
        self._bar.describe(f"Waiting for {count_text(days, 'day')} of {count_text(jobs, 'job')}")


def _show(screen: Screen, synced: Sequence[SyncedDay]) -> None:
    columns = (
        Column("TYPE", whole=True),
        Column("DAY", whole=True),
        Column("IS", whole=True),
        Column("RECORDS", right=True),
        Column("SIZE", right=True),
        Column("CHECKED BY"),
    )
    rows = (
        (one.resource_type, one.day, one.state.value)
        + (
            (
                one.file.found.lines,
                size_text(one.file.found.size_bytes),
                proof_text(one.file).removesuffix(", was here"),
            )
            if one.file
            else (None, None, None)
        )
        for one in synced
    )
    screen.table(columns, rows, empty="There is no such day.")


def _end(screen: Screen, synced: Sequence[SyncedDay]) -> None:
    """Say what is not here, and end with what a script can do about it."""
    from dayfile.client.sync import State

    counts = Counter(one.state for one in synced)
    screen.note(", ".join(f"{counts[state]:,} {state.value}" for state in State if counts[state]))
    lacking = [one for one in synced if one.file is None]
    for one in lacking[:_SHOWN]:
        screen.note(f"{one.resource_type} {one.day}: {one.reason}")
    if len(lacking) > _SHOWN:
        screen.note(f"and {count_text(len(lacking) - _SHOWN, 'more day')}")
    if counts[State.FAILED]:
        screen.problem(f"{count_text(counts[State.FAILED], 'day')} could not be exported")
        raise typer.Exit(Outcome.FAILED)
    if lacking:
        screen.problem(f"{count_text(len(lacking), 'day')} must wait: run the same command again later")
        raise typer.Exit(Outcome.TRY_AGAIN)


def _as_json(one: SyncedDay) -> dict[str, object]:
    found = one.file.found if one.file else None
    return {
        "resource_type": one.resource_type.name,
        "day": str(one.day),
        "state": one.state.name.lower(),
        "reason": one.reason,
        "path": str(one.file.path) if one.file else None,
        "records": found.lines if found else None,
        "size_bytes": found.size_bytes if found else None,
        "sha256": found.sha256 if found else None,
        "plain_sha256": found.plain_sha256 if found else None,
        "incomplete": one.file.is_incomplete if one.file else None,
        "proven": one.file.is_proven if one.file else None,
    }
