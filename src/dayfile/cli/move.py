"""The operator's command that moves an instance to another database, or another storage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from dayfile.cli import instance
from dayfile.cli.clock import tell_doubt
from dayfile.cli.confirmation import YesOption, confirm
from dayfile.cli.exit_codes import Outcome
from dayfile.cli.operator import operator_here
from dayfile.cli.options import JsonOption, screen_of
from dayfile.cli.terminal import Screen
from dayfile.errors import DayfileError, LostClaim
from dayfile.model.quantity import count_text, size_text

if TYPE_CHECKING:
    from dayfile.objects.destination import Destination
    from dayfile.objects.move import Move
    from dayfile.objects.moved_objects import Moved
    from dayfile.service import Service
    from dayfile.settings import Settings
    from dayfile.store.departure import Departure

_SHOWN = 10
_WAY_OUT = (
    "The instance is closed here. Nothing is lost: run the command again to go on, or `dayfile move --reopen` to stay "
    "here."
)

DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--to-database",
        metavar="URL",
        help="An empty PostgreSQL database, or a SQLite file that is not there yet. Better set PGPASSWORD than have a "
        "password in it: other users can see command lines.",
    ),
]
StorageOption = Annotated[
    str | None,
    typer.Option("--to-storage", metavar="URL", help="An empty folder, or a bucket: s3://BUCKET/PREFIX."),
]
DamageOption = Annotated[
    bool, typer.Option("--despite-damage", help="Move it although objects are damaged or missing that nobody knew of.")
]
ReopenOption = Annotated[
    bool,
    typer.Option(
        "--reopen",
        help="Give up a move that is not done, also if it runs, and open the instance again where it was.",
    ),
]
DespiteOption = Annotated[
    bool,
    typer.Option(
        "--despite-new-place",
        help="With --reopen: also if the instance is in the new place by now. What came there is not here.",
    ),
]


def move(
    ctx: typer.Context,
    *,
    to_database: DatabaseOption = None,
    to_storage: StorageOption = None,
    despite_damage: DamageOption = False,
    reopen: ReopenOption = False,
    despite_new_place: DespiteOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Move the instance to another database, another object storage, or both. Stop every process of it first.

    The old place is closed: it stays whole, and nothing is written or started there any more. Objects are compared
    with their hashes on their way, rows afterwards, and the new place is an instance from the last step on. Run it
    again to go on with one that was interrupted. Exit code 1 if something is damaged there, as it was before.
    """
    from dayfile.opening import destination_of

    screen = screen_of(ctx)
    if reopen:
        _refuse_to_move({"--to-storage": to_storage, "--despite-damage": despite_damage})
    elif despite_new_place:
        raise typer.BadParameter("--despite-new-place is for --reopen: give both to open the old place, or neither")
    with instance.opened(screen, to_move=True) as service:
        settings, one = service.settings, _move_of(service)
        if reopen:
            departure = _reopened(screen, one, to_database, despite_new_place=despite_new_place, yes=yes)
            _tell_reopened(screen, departure, as_json=as_json)
            return
        to = destination_of(settings, database=to_database, storage=to_storage, makes_folder=False)
        one.check_destination(to)
        one.check_alone(to)
        if one.departure() is None:
            confirm(screen, f"The instance in {settings.place} moves to {to.where}, and is closed here", yes=yes)
        to = destination_of(settings, database=to_database, storage=to_storage, makes_folder=True)
        one.begin(to, actor=operator_here())
        with _way_out(screen):
            moved = _run(screen, service, one, to, despite_damage=despite_damage)
    _tell(screen, settings, to, moved, as_json=as_json)


def _refuse_to_move(options: Mapping[str, object]) -> None:
    """Raise BadParameter for options that change nothing with --reopen: who gives them counts on them."""
    for name in (name for name, given in options.items() if given):
        raise typer.BadParameter(
            f"{name} is for a move, and --reopen gives one up: leave {name} out to open the old place, or --reopen to "
            "move the instance, or to go on with that"
        )


def _move_of(service: Service) -> Move:
    from dayfile.objects.move import Move

    place = service.settings.storage.text
    return Move(service.database, service.storage, place, clock=service.clock, randomness=service.randomness)


def _run(screen: Screen, service: Service, one: Move, to: Destination, *, despite_damage: bool) -> Moved | None:
    from dayfile.cli.backup import steps_on
    from dayfile.files.scratch import scratch_folder

    scratch = scratch_folder(service.settings.scratch, service.randomness.hex(32))
    with scratch as folder, screen.counting("Moving", None) as bar:
        return one.run(to, folder, despite_damage=despite_damage, on_step=steps_on(bar))


@contextmanager
def _way_out(screen: Screen) -> Iterator[None]:
    try:
        with screen.when_stopped(f"Stopped. {_WAY_OUT}"):
            yield
    except LostClaim:  # it may be open again
        raise
    except DayfileError as error:
        error.add_note(_WAY_OUT)
        raise


def _reopened(
    screen: Screen, one: Move, to_database: str | None, *, despite_new_place: bool, yes: bool
) -> Departure | None:
    """Open the instance again; return the move that is given up, or None if there was none."""
    from dayfile.opening import database_at

    departure, new_place = one.departure(), database_at(to_database) if to_database else None
    if departure is not None and despite_new_place:
        confirm(screen, f"The instance is opened here again, without what came in {departure.where}", yes=yes)
    one.reopen(new_place, despite_new_place=despite_new_place, actor=operator_here())
    return departure


def _tell_reopened(screen: Screen, departure: Departure | None, *, as_json: bool) -> None:
    if as_json:
        screen.json({"reopened": departure is not None})
    else:
        screen.line("The instance is open where it was." if departure else "It is open: it is not being moved.")
    if departure is not None:
        screen.note(f"What was copied to {departure.where} stays there: delete it, or move there again.")


def _tell(screen: Screen, settings: Settings, to: Destination, moved: Moved | None, *, as_json: bool) -> None:
    named = {"DAYFILE_DATABASE_URL": to.shown_database, "DAYFILE_STORAGE_URL": to.storage_url}
    left = [
        *([settings.place if settings.is_shared else settings.database] if to.database else []),
        *([settings.storage.text] if to.storage_url else []),
    ]
    if as_json:
        counts = {} if moved is None else asdict(moved)
        screen.json({"set": {name: url for name, url in named.items() if url}, "left": left, **counts})
    elif moved is None:
        screen.line(f"The instance has moved to {to.where} before.")
    else:
        rows = [count_text(moved.rows, "row")] if to.database else []
        objects = [f"{count_text(moved.objects, 'object')}, {size_text(moved.size_bytes)}"] if to.storage else []
        screen.line(f"The instance is in {to.where} now: {' and '.join(rows + objects)}.")
    for name, url in named.items():
        if url:
            screen.note(f"Set {name}={url}" + (", with the password in the place of ***" if "***" in url else ""))
    for step in _other_settings(settings, to):
        screen.note(step)
    tell_doubt(screen, settings.model_copy(update={**_here(to), "database_connections": 1}))
    screen.note("Then start it, and run `dayfile check --deep`.")
    screen.note(f"What it left is closed and as it was, until you delete it: {', '.join(left)}")
    if moved is not None:
        _name(screen, moved)


def _here(to: Destination) -> dict[str, str]:
    """The settings that name the new place."""
    named = {"database_url": to.database, "storage_url": to.storage_url}
    return {name: url for name, url in named.items() if url}


def _other_settings(settings: Settings, to: Destination) -> Iterator[str]:
    """Yield what to do about settings that are about the old place, and would be wrong, or refused, in the new one."""
    if to.is_shared and not settings.secret_key:
        yield f"Set DAYFILE_SECRET_KEY to what is in {settings.key_file}: PostgreSQL needs it on every host"
    if to.database and settings.database_listen_url:
        elsewhere = "or have it name the new server" if to.is_shared else "which is for PostgreSQL"
        yield f"Remove DAYFILE_DATABASE_LISTEN_URL, {elsewhere}"
    if to.storage_url and settings.storage_public_url:
        yield "Remove DAYFILE_STORAGE_PUBLIC_URL, or have it name the new store as clients call it"
    if to.storage_url and settings.accel_redirect:
        location = settings.accel_redirect
        yield f"Remove DAYFILE_ACCEL_REDIRECT, or have the location {location} of nginx lead to the new folder"
    if to.storage_url and settings.engine != "local":
        yield "Set DAYFILE_STORAGE_URL on the machines of the cluster, too, and start its workers again"


def _name(screen: Screen, moved: Moved) -> None:
    found = [(key, "was moved as it is, damaged") for key in moved.damaged]
    found += [(key, "is missing, in the old place and in the new one") for key in moved.missing]
    for key, what in found[:_SHOWN]:
        screen.warn(f"{key}: {what}")
    if len(found) > _SHOWN:
        screen.warn(f"and {len(found) - _SHOWN} more: `--json` lists them all")
    if found:
        raise typer.Exit(Outcome.FAILED)
