"""The operator's command that seals waiting days at once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Annotated

import typer

from dayfile.cli import instance
from dayfile.cli.options import TYPE_HELP, JsonOption, read_day, read_type, screen_of
from dayfile.cli.terminal import Column, Screen
from dayfile.model.day import Day
from dayfile.model.quantity import count_text
from dayfile.model.resource import ResourceType

if TYPE_CHECKING:
    from dayfile.sealing.seal import SealOutcome
    from dayfile.service import Service

_LOOK_AGAIN_SECONDS = 0.5


def seal(
    ctx: typer.Context,
    *,
    resource_type: Annotated[
        ResourceType | None, typer.Argument(metavar="[TYPE]", help=TYPE_HELP, parser=read_type, show_default=False)
    ] = None,
    day: Annotated[
        Day | None,
        typer.Argument(
            metavar="[DAY]", help="UTC day, yyyy-mm-dd. It need not be over.", parser=read_day, show_default=False
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Seal waiting days now, without the grace time, until it is done: all days that are over, or the given one."""
    screen = screen_of(ctx)
    with instance.opened(screen_of(ctx)) as service:
        days = _waiting(service, resource_type, day)
        outcomes: list[SealOutcome] = []
        with screen.counting("Sealing", len(days)) as bar:
            for kind, of in days:
                bar.describe(f"Sealing {kind} {of}")
                outcome = _seal(service, kind, of)
                if outcome is not None:
                    outcomes.append(outcome)
                bar.advance(1)
    if as_json:
        screen.json([_as_json(outcome) for outcome in outcomes])
        return
    _show(screen, outcomes)
    damaged = {key for outcome in outcomes for key in outcome.damaged}
    if damaged:
        screen.warn(
            f"{count_text(len(damaged), 'damaged object')} in these days, and what they concern is held: "
            "`dayfile damage list` says what to do"
        )
    if len(days) > len(outcomes):
        screen.note(f"{len(days) - len(outcomes)} of {len(days)} days were sealed by a worker meanwhile.")


def _waiting(service: Service, resource_type: ResourceType | None, day: Day | None) -> list[tuple[ResourceType, Day]]:
    """Return the days to seal, oldest first. A day that is not over is included only if it is named."""
    today = Day.of(service.clock.now())
    with service.database.snapshot() as tx:
        waiting = [(found.resource_type, found.day) for found in tx.segments.waiting()]
    wanted = [
        (kind, of) for kind, of in waiting if resource_type in {None, kind} and (of == day if day else of < today)
    ]
    return sorted(wanted, key=lambda item: (item[1], item[0].name))


def _seal(service: Service, resource_type: ResourceType, day: Day) -> SealOutcome | None:
    """Seal the day; None if a worker that was sealing it already has left nothing to seal."""
    never = threading.Event()
    while True:
        outcome = service.worker.seal(resource_type, day)
        if outcome is not None:
            return outcome
        service.clock.wait(never, _LOOK_AGAIN_SECONDS)
        if (resource_type, day) not in _waiting(service, resource_type, day):
            return None


def _show(screen: Screen, outcomes: list[SealOutcome]) -> None:
    columns = (
        Column("TYPE", whole=True),
        Column("DAY", whole=True),
        Column("LINES", right=True),
        Column("NEW FILES", right=True, whole=True),
    )
    rows = ((outcome.resource_type, outcome.day, outcome.lines, outcome.files) for outcome in outcomes)
    screen.table(columns, rows, empty="Nothing waits to be sealed.")


def _as_json(outcome: SealOutcome) -> dict[str, object]:
    return {
        "resource_type": outcome.resource_type.name,
        "day": str(outcome.day),
        "segments": outcome.segments,
        "lines": outcome.lines,
        "files": outcome.files,
        "damaged": list(outcome.damaged),
    }
