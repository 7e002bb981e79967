"""The operator's commands about damaged objects: which there are, look again, do without one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from dayfile.cli import instance
from dayfile.cli.command_group import Family
from dayfile.cli.confirmation import YesOption, confirm
from dayfile.cli.exit_codes import Outcome
from dayfile.cli.options import JsonOption, screen_of
from dayfile.cli.terminal import Column
from dayfile.model.quantity import count_text

if TYPE_CHECKING:
    from dayfile.model.damage import Damage
    from dayfile.service import Service

app = Family(help="Damaged objects: list them, check them again, or give one up.")

_PAGE = 500
_SHOWN_IN_TABLE = 100
_COLUMNS = (
    Column("TYPE", whole=True),
    Column("DAY", whole=True),
    Column("ACCOUNT", whole=True),
    Column("STATE", whole=True),
    Column("OBJECT", wraps=True),
    Column("WHY", wraps=True),
)

ObjectArgument = Annotated[
    str, typer.Argument(metavar="OBJECT", help="The damaged object, as `damage list` names it.", show_default=False)
]
ObjectsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[OBJECT...]", help="Damaged objects; all of them if none is given.", show_default=False),
]
AllOption = Annotated[bool, typer.Option("--all", help="Include settled damage.")]
AfterOption = Annotated[
    int, typer.Option("--after", metavar="NUMBER", min=0, help="Only those after this number.", show_default=False)
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", metavar="N", min=1, help="Show at most N.", show_default=False)
]


@app.command("list")
def list_damages(
    ctx: typer.Context,
    *,
    everything: AllOption = False,
    after: AfterOption = 0,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """List damaged objects in the order in which they were found. A table shows 100 of them, --json all."""
    screen = screen_of(ctx)
    with instance.opened(screen, to_read=True) as service:
        damages = _all(service, after=after, settled=everything)
        if as_json:
            screen.json_list(map(_as_json, islice(damages, limit)))
            return
        # One more than is shown tells whether there are more.
        shown = limit or _SHOWN_IN_TABLE
        found = list(islice(damages, shown + 1))
    screen.table(_COLUMNS, map(_as_row, found[:shown]), empty="No damaged object is known.")
    if any(damage.is_open for damage in found[:shown]):
        screen.note(
            "Restore an object from a backup and run `dayfile damage retry`; "
            "or give it up for good: `dayfile damage accept OBJECT`"
        )
    if len(found) > shown:
        screen.note(f"There are more: add --after {found[shown - 1].id}")


@app.command("retry")
def retry(ctx: typer.Context, *, objects: ObjectsArgument = None, as_json: JsonOption = False) -> None:
    """Check damaged objects again, and seal what was held for those that are whole again.

    Exit code 1 if some are still damaged.
    """
    from dayfile.cli.operator import operator_here

    screen = screen_of(ctx)
    with instance.opened(screen) as service:
        keys = objects or [damage.key for damage in _all(service, after=0, settled=False) if damage.is_open]
        looked_at = []
        with screen.counting("Looking", len(keys)) as bar:
            for key in keys:
                looked_at.append(service.repairs.retry(key, actor=operator_here()))
                bar.advance(1)
        _seal(service, looked_at)
        looked_at = [_again(service, damage) for damage in looked_at]
    open_still = sum(damage.is_open for damage in looked_at)
    if as_json:
        screen.json_list(map(_as_json, looked_at))
    else:
        screen.table(_COLUMNS, map(_as_row, looked_at), empty="No damaged object is known.")
        if looked_at:
            screen.note(f"{open_still} of {count_text(len(looked_at), 'object')} still damaged.")
    if open_still:
        raise typer.Exit(Outcome.FAILED)


@app.command("accept")
def accept(ctx: typer.Context, *, damaged: ObjectArgument, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Give up a damaged object for good: what is left is sealed, with manifests that say that they are incomplete.

    Asks first on a terminal. If the object is whole again, this does the same as `dayfile damage retry`.
    """
    from dayfile.cli.operator import operator_here
    from dayfile.sealing.repairs import NotSealedYet

    screen = screen_of(ctx)
    with instance.opened(screen) as service:
        with service.database.snapshot() as tx:
            damage = tx.damages.get(damaged)
        if damage.is_open:
            confirm(screen, _deed(damage), yes=yes)
        try:
            service.repairs.accept(damaged, actor=operator_here())
        except NotSealedYet:
            _seal(service, [damage])  # uses what is sound of it
            service.repairs.accept(damaged, actor=operator_here())
        _seal(service, [_again(service, damage)])
        damage = _again(service, damage)
    if as_json:
        screen.json(_as_json(damage))
        return
    screen.line(_outcome(damage))


def _deed(damage: Damage) -> str:
    whose = damage.account or "several accounts"
    return f"Give up what is damaged in {damage.key} ({damage.resource_type} of {damage.day}, {whose})"


def _seal(service: Service, damages: list[Damage]) -> None:
    """Seal the days of damages that are not settled; a day that a worker is sealing is left to it."""
    unsettled = [damage for damage in damages if damage.settled_at is None]
    for resource_type, day in dict.fromkeys((damage.resource_type, damage.day) for damage in unsettled):
        service.worker.seal(resource_type, day)


def _again(service: Service, damage: Damage) -> Damage:
    with service.database.snapshot() as tx:
        return tx.damages.get(damage.key)


def _outcome(damage: Damage) -> str:
    if damage.settled_at is None:
        return "A worker is sealing the day, or will soon. The damage is settled then."
    if damage.state.value == "repaired":
        return "The object was whole again: nothing is lost."
    return "Done: what is left is sealed, and its manifests say where records are missing."


def _all(service: Service, *, after: int, settled: bool) -> Iterator[Damage]:
    while True:
        with service.database.snapshot() as tx:
            page = tx.damages.page(after=after, limit=_PAGE, settled=settled)
        if not page:
            return
        yield from page
        after = page[-1].id


def _as_row(damage: Damage) -> tuple[str, ...]:
    state = damage.state.value if damage.settled_at is None else "settled"
    return (
        str(damage.resource_type),
        str(damage.day),
        damage.account or "several",
        state,
        damage.key,
        damage.reason,
    )


def _as_json(damage: Damage) -> dict[str, object]:
    return {
        "number": damage.id,
        "object": damage.key,
        "kind": damage.kind.value,
        "resource_type": damage.resource_type.name,
        "day": str(damage.day),
        "account_sid": damage.account,
        "reason": damage.reason,
        "state": damage.state.value,
        "date_found": damage.found_at.isoformat(),
        "date_looked_at": damage.looked_at.isoformat(),
        "date_resolved": damage.resolved_at.isoformat() if damage.resolved_at else None,
        "date_settled": damage.settled_at.isoformat() if damage.settled_at else None,
        "what_to_do": damage.to_do if damage.settled_at is None else None,
    }
