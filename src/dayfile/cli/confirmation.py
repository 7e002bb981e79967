"""The question before something that cannot be undone: put on a terminal, answered by `--yes` in scripts."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dayfile.cli.outcome import Outcome
from dayfile.cli.show import Screen

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask: for scripts.")]


def confirm(screen: Screen, deed: str, *, yes: bool, alone: bool = False) -> None:
    """Ask whether to do the `deed`, a sentence without its full stop, and return when the answer is yes.

    With `yes` nobody is asked. Where nobody can be asked, as there is no terminal, the deed is refused as a mistake on
    the command line; or, `alone`, it goes ahead. Raises Exit, with FAILED, for every other answer.
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
