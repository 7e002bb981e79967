"""The operator's command that checks the invariants."""

from __future__ import annotations

from typing import Annotated

import typer

from dayfile.checks.finding import Finding
from dayfile.cli import instance
from dayfile.cli.exit_codes import Outcome
from dayfile.cli.options import JsonOption, screen_of
from dayfile.cli.terminal import Column
from dayfile.model.quantity import count_text

_LEFT_OUT = "Not read: what is in the objects. `dayfile check --deep` reads it."
_LEFT_OUT_DEEP = "Not read: objects that nothing refers to any more and that are kept for restoring older backups."


def check(
    ctx: typer.Context,
    *,
    deep: Annotated[bool, typer.Option("--deep", help="Also read every object and the whole SQLite file.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the instance against its invariants. It may be in use, and is not changed.

    Known damage is reported each time. --deep finds the rest: it reads sealed files, waiting segments and the rows that
    name them. Exit code 1 if anything is found.
    """
    screen = screen_of(ctx)
    with instance.opened(screen_of(ctx), to_read=True) as service:
        place = service.settings.place
        looking = service.insight.check
        objects = looking.objects()
        with screen.counting("Checking", objects) as bar:
            findings = list(looking.run(deep=deep, on_object=lambda: bar.advance(1)))
        instance.warn_of_unheard(screen, service)
    if not as_json:
        screen.note(f"Checked the instance in {place}.")
    instance.warn_of_exposed(screen, service)  # not a finding, since it breaks no invariant
    if as_json:
        screen.json([_as_json(found) for found in findings])
    elif findings:
        columns = (Column("BROKEN"), Column("WHERE", whole=True), Column("WHAT", wraps=True))
        screen.table(columns, ((found.invariant, found.subject, found.detail) for found in findings), empty="")
    else:
        read = "read to the end and compared" if deep else "looked at"
        screen.line(f"All is well: {count_text(objects, 'object')} {read}, and all jobs and notices.")
    screen.note(_LEFT_OUT_DEEP if deep else _LEFT_OUT)
    if findings:
        found = f"{count_text(len(findings), 'finding')} in {place}"
        screen.problem(f"{found}: see docs/operations.md, “When something is wrong”")
        raise typer.Exit(Outcome.FAILED)


def _as_json(found: Finding) -> dict[str, object]:
    return {
        "invariant": found.invariant,
        "subject": found.subject,
        "detail": found.detail,
        "account_sid": found.account,
        "resource_type": found.resource_type.name if found.resource_type else None,
        "day": str(found.day) if found.day else None,
    }
