"""The operator's command that finds sealed days again from the storage alone.

Apart, because each command of the operator has a module of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import typer

from dayfile.cli import instance
from dayfile.cli.exit_codes import Outcome
from dayfile.cli.options import JsonOption, screen_of
from dayfile.cli.terminal import Screen
from dayfile.model.quantity import count_text

_NOT_BROUGHT = (
    "Not brought, since the storage does not have them: accounts, keys, jobs, links, configurations, damages, and "
    "small segments, which were in the database."
)
_SHOWN = 10


def rebuild(ctx: typer.Context, *, as_json: JsonOption = False) -> None:
    """Find sealed days again from the storage alone, for a state database that is lost.

    The database must know of no sealed day, and is made if it is missing; nothing in the storage is changed. Stop all
    other processes first. Exit code 1 if a manifest or a file is missing.
    """
    from dayfile.objects.rebuild import Rebuild
    from dayfile.opening import check_sealed_files

    screen = screen_of(ctx)
    with instance.opened(screen, alone=True, make=True, check=check_sealed_files) as service:
        rebuilt = Rebuild(service.database, service.storage, clock=service.clock).run()
    if as_json:
        screen.json(asdict(rebuilt))
    else:
        seals, files = count_text(rebuilt.seals, "seal"), count_text(rebuilt.files, "file")
        screen.line(f"Rebuilt {seals} with {files}.")
        _warn(screen, rebuilt.unmarked, "nothing says that this seal was committed")
        _warn(screen, rebuilt.unreadable, "this manifest is damaged: restore it from a backup, and run this again")
        _warn(screen, rebuilt.missing, "no object with this file is there: restore it from a backup")
        if rebuilt.segments:
            screen.warn(f"{count_text(rebuilt.segments, 'segment')} of accepted records stay in the storage, unused")
        screen.note(_NOT_BROUGHT)
    if rebuilt.unreadable or rebuilt.missing:
        raise typer.Exit(Outcome.FAILED)


def _warn(screen: Screen, names: Sequence[str], reason: str) -> None:
    for name in names[:_SHOWN]:
        screen.warn(f"{name}: {reason}")
    if len(names) > _SHOWN:
        screen.warn(f"and {len(names) - _SHOWN} more: `--json` lists them all")
