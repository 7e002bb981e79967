"""The operator's command that finds sealed days again from the storage alone.

Apart, because each command of the operator has a module of its own.
"""

from __future__ import annotations

from dataclasses import asdict

import typer

from dayfile.cli import instance
from dayfile.cli.exit_codes import Outcome
from dayfile.cli.options import JsonOption, screen_of
from dayfile.model.quantity import count_text

_NOT_BROUGHT = (
    "Not brought, since the storage does not have them: accounts, keys, jobs, links, configurations, damages, and "
    "small segments, which were in the database."
)
_SHOWN = 10


def rebuild(ctx: typer.Context, *, as_json: JsonOption = False) -> None:
    """Find sealed days again from the storage alone, for a state database that is lost.

    The database must know of no sealed day; nothing in the storage is changed. Stop all other processes first.
    """
    from dayfile.objects.rebuild import Rebuild

    screen = screen_of(ctx)
    with instance.opened(screen, make=True) as service:
        rebuilt = Rebuild(service.database, service.storage, clock=service.clock).run()
    if as_json:
        screen.json(asdict(rebuilt))
    else:
        seals, files = count_text(rebuilt.seals, "seal"), count_text(rebuilt.files, "file")
        screen.line(f"Rebuilt {seals} with {files}.")
        for key in rebuilt.unmarked[:_SHOWN]:
            screen.warn(f"{key}: nothing says that this seal was committed")
        for key in rebuilt.unreadable[:_SHOWN]:
            screen.warn(f"{key}: this manifest is damaged")
        for name in rebuilt.missing[:_SHOWN]:
            screen.warn(f"{name}: no object with this file is there")
        if rebuilt.segments:
            screen.warn(f"{count_text(rebuilt.segments, 'segment')} of accepted records stay in the storage, unused")
        screen.note(_NOT_BROUGHT)
    if rebuilt.unreadable or rebuilt.missing:
        raise typer.Exit(Outcome.FAILED)
