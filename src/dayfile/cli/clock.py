"""The operator's commands about the clock: show if it is trusted, and trust it at once."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from dayfile.cli import instance
from dayfile.cli.command_group import Family
from dayfile.cli.options import JsonOption, screen_of
from dayfile.errors import DayfileError

if TYPE_CHECKING:
    from dayfile.checks.clock_state import ClockState
    from dayfile.cli.terminal import Screen
    from dayfile.settings import Settings

app = Family(
    help="Whether the clock is trusted, and what waits until it is.", no_args_is_help=False, invoke_without_command=True
)


@app.callback()
def clock(ctx: typer.Context, *, as_json: JsonOption = False) -> None:
    """Show whether the clock is trusted, and what waits until it is."""
    if ctx.invoked_subcommand is not None:
        return
    from dayfile.checks.clock_state import clock_state

    with instance.opened(screen_of(ctx), to_read=True) as service, service.database.snapshot() as tx:
        state = clock_state(tx.clock_marks.find(), service.clock.reading())
    screen = screen_of(ctx)
    if as_json:
        screen.json(_as_json(state))
    elif state.advice is None:
        screen.line(f"The clock is trusted: it says {state.now:%Y-%m-%d %H:%M:%S} UTC.")
    else:
        screen.line(f"The clock is not trusted: {state.advice}.")


@app.command("accept")
def accept(ctx: typer.Context, *, as_json: JsonOption = False) -> None:
    """Trust the clock as it is now: do what was put off, and undo what was done while the clock was ahead."""
    from dayfile.checks.clock_state import clock_state
    from dayfile.cli.operator import operator_here

    with instance.opened(screen_of(ctx)) as service:
        mark = service.clock_watch.accept(actor=operator_here())
        state = clock_state(mark, service.clock.reading())
    screen = screen_of(ctx)
    if as_json:
        screen.json(_as_json(state))
    else:
        screen.line(f"The clock is trusted from now on: it says {mark.at:%Y-%m-%d %H:%M:%S} UTC.")


def tell_doubt(screen: Screen, settings: Settings) -> None:
    """Tell if the clock is not trusted in an instance that has just come to its place: nothing ran for a while."""
    from dayfile.checks.clock_state import clock_state
    from dayfile.service import Service

    with (
        suppress(DayfileError),  # it is there; `dayfile check` tells more
        Service.find(settings, to_read=True) as service,
        service.database.snapshot() as tx,
    ):
        state = clock_state(tx.clock_marks.find(), service.clock.reading())
        if state.why is not None:
            screen.note(
                f"If the clock is right, run `dayfile clock accept` first: {state.why}, since nothing ran here."
            )


def _as_json(state: ClockState) -> dict[str, object]:
    return {
        "trusted": state.is_trusted,
        "now": state.now.isoformat(),
        "mark": state.mark.isoformat() if state.mark else None,
        "why": state.why,
        "until": state.until.isoformat() if state.until else None,
    }
