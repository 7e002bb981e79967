"""Confirmation of what cannot be undone: a question on a terminal, `--yes` in scripts."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dayfile.cli.exit_codes import Outcome
from dayfile.cli.terminal import Screen

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation, for scripts.")]


def confirm(screen: Screen, deed: str, *, yes: bool, alone: bool = False) -> None:
    """Ask whether to do the `deed`, a sentence without its full stop, and return when the answer is yes.

    With `yes` it does not ask. Without a terminal it raises typer.BadParameter or, if `alone`, returns. Raises Exit
    with FAILED for every other answer.
    """
    if yes:
        return
    if not (sys.stdin.isatty() and screen.err.is_terminal):
        if alone:
            return
        raise typer.BadParameter(f"{deed}: this cannot be undone, and nobody can be asked here. Add --yes to do it")
    if not screen.agreed(f"{deed}. This cannot be undone. Go on?"):
        screen.note("Nothing was changed.")
        raise typer.Exit(Outcome.FAILED)
