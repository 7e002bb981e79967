"""The operator's command that shows, on one screen, how the instance is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import typer

from dayfile import __version__
from dayfile.cli import instance
from dayfile.cli.exit_codes import Outcome
from dayfile.cli.options import JsonOption, screen_of
from dayfile.cli.terminal import Column

if TYPE_CHECKING:
    from dayfile.checks.condition import Condition
    from dayfile.checks.measures import Measures
    from dayfile.cli.terminal import Screen
    from dayfile.service import Service

_WORDS: Final = {"ok": "ok", "warning": "WARNING", "bad": "BAD"}
_COLUMNS: Final = (Column("SIGN"), Column("STATE"), Column("WHAT", wraps=True))


def status(ctx: typer.Context, *, as_json: JsonOption = False) -> None:
    """Show how the instance is: what works, what waits, what fails, and what to do.

    It shows what `/readyz?verbose` and the page show, and changes nothing; whether a storage folder takes objects is
    tried with one that is deleted at once. Exit code 0 if all is well, 1 if something needs a hand.
    """
    screen = screen_of(ctx)
    with instance.opened(screen, to_read=True) as service:
        condition = service.insight.condition(writes=_may_write(service))
        measures = service.insight.measures() if condition.database is None else None
    if as_json:
        screen.json(_as_json(service, condition, measures))
    else:
        _show(screen, condition, measures, line_reader=_line_reader(service))
    if condition.status != "ok":
        screen.problem(f"{_needs(condition)}: see docs/operations.md, “Alerts”")
        raise typer.Exit(Outcome.FAILED)


def _may_write(service: Service) -> bool:
    """Return True unless a probe of the storage could leave a folder of another user there, with sudo for example."""
    folder = service.settings.storage.folder
    return folder is None or (folder.exists() and folder.stat().st_uid == os.geteuid())


def _line_reader(service: Service) -> str:
    from dayfile.model.line_reader import is_compiled

    return "compiled" if is_compiled(may_be=service.settings.line_reader == "auto") else "python"


def _show(screen: Screen, condition: Condition, measures: Measures | None, *, line_reader: str) -> None:
    rows = ((sign.name, _WORDS[sign.status], sign.text) for sign in condition.all_signs)
    screen.table(_COLUMNS, rows, empty="")
    if measures is not None:
        from dayfile.checks.measures import waiting_texts

        screen.line("")
        screen.facts(waiting_texts(measures))
    screen.line("")
    screen.line("Lines are read by compiled code." if line_reader == "compiled" else "Lines are read by Python alone.")
    if condition.status == "ok":
        screen.line("")
        screen.line("All is well.")


def _needs(condition: Condition) -> str:
    needy = [sign.name for sign in condition.all_signs if sign.level]
    return f"not all is well ({', '.join(needy)})"


def _as_json(service: Service, condition: Condition, measures: Measures | None) -> dict[str, object]:
    checks = {sign.name: {"status": sign.status, "text": sign.text, **sign.facts} for sign in condition.all_signs}
    waiting = None
    if measures is not None:
        waiting = {
            "records": sum(one.records for one in measures.waiting.values()),
            "jobs": measures.unfinished_jobs,
            "notices": measures.pending_notices,
            "packs_to_rewrite": measures.packs_to_rewrite,
        }
    return {
        "status": condition.status,
        "version": __version__,
        "instance": service.settings.place,
        "line_reader": _line_reader(service),
        "checks": checks,
        "waiting": waiting,
    }
