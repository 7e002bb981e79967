"""The operator's first command, which creates the instance.

Apart, because each command has a module of its own, imported when it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from dayfile.cli import instance
from dayfile.cli.options import JsonOption, screen_of
from dayfile.errors import Absent

if TYPE_CHECKING:
    from dayfile.settings import Settings


def init(ctx: typer.Context, *, as_json: JsonOption = False) -> None:
    """Make an instance where the settings say: its folder, its key and its database.

    One that is there already is left as it is.
    """
    from dayfile.settings import Settings

    screen = screen_of(ctx)
    was_there = _is_there(settings := Settings.read())
    with instance.opened(screen_of(ctx), make=True) as service:
        _ = service.storage  # made, too
        instance.warn_of_exposed(screen, service)
    if as_json:
        screen.json(
            {
                "made": not was_there,
                "data_dir": str(settings.data_dir.absolute()),
                "storage_dir": str(settings.storage_folder),
                "key_file": None if settings.secret_key else str(settings.key_file),
            }
        )
        return
    screen.line(f"There is an instance in {settings.place} already." if was_there else f"Made {settings.place}")
    if not was_there and not settings.secret_key:
        screen.note(f"Its key is in {settings.key_file}: a backup of the database is of no use without it.")
    screen.note("Start it with: dayfile serve")


def _is_there(settings: Settings) -> bool:
    from dayfile.service import Service

    try:
        Service.find(settings, to_read=True).close()
    except Absent:
        return False
    return True
