"""The operator's commands about lines that were not accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dayfile.cli import instance
from dayfile.cli.family import Family
from dayfile.cli.options import JsonOption, read_account, screen_of
from dayfile.cli.outcome import Outcome
from dayfile.cli.show import Column, count_text
from dayfile.model.account import AccountSid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dayfile.model.receipt import Rejection
    from dayfile.service import Service

app = Family(help="Lines that were not accepted: look at them, try them again, drop them.")

_PAGE = 200
_SHOWN_CHARACTERS = 4000

NumbersArgument = Annotated[
    list[int] | None, typer.Argument(metavar="[NUMBER...]", help="Rejections, by number.", show_default=False)
]
AllOption = Annotated[bool, typer.Option("--all", help="All of them, instead of numbers.")]
AccountOption = Annotated[
    AccountSid | None,
    typer.Option("--account", metavar="ACCOUNT", help="Only those that wait for this account.", parser=read_account),
]


@app.command("list")
def list_rejections(ctx: typer.Context, *, account: AccountOption = None, as_json: JsonOption = False) -> None:
    """List rejections, oldest first."""
    with instance.opened() as service:
        rejections = list(_all(service, account=account))
    screen = screen_of(ctx)
    if as_json:
        screen.json([_as_json(rejection) for rejection in rejections])
        return
    columns = (
        Column("NUMBER", right=True, whole=True),
        Column("TYPE", whole=True),
        Column("WHEN", whole=True),
        Column("WHERE"),
        Column("WHY", wraps=True),
    )
    rows = (
        (
            str(rejection.id),
            rejection.resource_type,
            f"{rejection.rejected_at:%Y-%m-%d %H:%M}",
            f"{rejection.source}:{rejection.refusal.line_number}",
            _reason(rejection),
        )
        for rejection in rejections
    )
    screen.table(columns, rows, empty="There is no rejection: every line was accepted.")


@app.command("show")
def show(
    ctx: typer.Context,
    *,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="The rejection, by number.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Show one rejection with the line as it came."""
    with instance.opened() as service, service.database.snapshot() as tx:
        rejection = tx.rejections.get(number)
    screen = screen_of(ctx)
    line = rejection.refusal.line.decode(errors="replace")
    if as_json:
        screen.json(_as_json(rejection) | {"line_text": line})
        return
    screen.facts(
        {
            "why": _reason(rejection),
            "type": rejection.resource_type,
            "where": f"{rejection.source}, line {rejection.refusal.line_number}",
            "when": f"{rejection.rejected_at:%Y-%m-%d %H:%M:%S} UTC",
            "line": line[:_SHOWN_CHARACTERS],
        }
    )
    if len(line) > _SHOWN_CHARACTERS:
        screen.note(f"The line goes on, for {len(line):,} characters in all; --json has all of it.")


@app.command("retry")
def retry(ctx: typer.Context, *, numbers: NumbersArgument = None, everything: AllOption = False) -> None:
    """Try rejections again; those that are accepted now leave the list. Exit code 1 when some are not."""
    screen = screen_of(ctx)
    with instance.opened() as service:
        tried = service.intake.retry(_chosen(service, numbers, everything=everything))
    screen.line(f"{count_text(tried.accepted, 'line')} accepted, {tried.rejected:,} still rejected.")
    if tried.rejected:
        raise typer.Exit(Outcome.FAILED)


@app.command("drop")
def drop(ctx: typer.Context, *, numbers: NumbersArgument = None, everything: AllOption = False) -> None:
    """Forget rejections for good."""
    with instance.opened() as service:
        chosen = _chosen(service, numbers, everything=everything)
        with service.database.transaction() as tx:
            for number in numbers or ():
                tx.rejections.get(number)
            dropped = tx.rejections.drop(chosen)
    screen_of(ctx).line(f"{count_text(dropped, 'rejection')} dropped.")


def _chosen(service: Service, numbers: list[int] | None, *, everything: bool) -> list[int]:
    if bool(numbers) == everything:
        raise typer.BadParameter("name the rejections by number, or all of them with --all")
    return numbers or [rejection.id for rejection in _all(service, account=None)]


def _all(service: Service, *, account: AccountSid | None) -> Iterator[Rejection]:
    after = 0
    while True:
        with service.database.snapshot() as tx:
            page = tx.rejections.listed(after_id=after, limit=_PAGE, account=account)
        if not page:
            return
        yield from page
        after = page[-1].id


def _reason(rejection: Rejection) -> str:
    refusal = rejection.refusal
    return f"{refusal.field}: {refusal.reason}" if refusal.field else refusal.reason


def _as_json(rejection: Rejection) -> dict[str, object]:
    refusal = rejection.refusal
    return {
        "number": rejection.id,
        "resource_type": rejection.resource_type,
        "source": rejection.source,
        "line": refusal.line_number,
        "field": refusal.field,
        "reason": refusal.reason,
        "waits_for_account": refusal.account,
        "date_rejected": f"{rejection.rejected_at:%Y-%m-%dT%H:%M:%SZ}",
    }
