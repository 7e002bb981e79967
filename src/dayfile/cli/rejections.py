"""The operator's commands about rejections."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from dayfile.cli import instance
from dayfile.cli.confirmation import YesOption, confirm
from dayfile.cli.family import Family
from dayfile.cli.options import JsonOption, read_account, screen_of
from dayfile.cli.outcome import Outcome
from dayfile.cli.show import Column, Screen, count_text
from dayfile.model.account import AccountSid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dayfile.model.receipt import Rejection
    from dayfile.service import Service

app = Family(help="Lines that were not accepted: look at them, try them again, drop them.")

_PAGE = 500
_SHOWN_IN_TABLE = 100
_SHOWN_CHARACTERS = 4000

NumbersArgument = Annotated[
    list[int] | None, typer.Argument(metavar="[NUMBER...]", help="Rejections, by number.", show_default=False)
]
AllOption = Annotated[bool, typer.Option("--all", help="All of them, instead of numbers.")]
AccountOption = Annotated[
    AccountSid | None,
    typer.Option("--account", metavar="ACCOUNT", help="Only those that wait for this account.", parser=read_account),
]
AfterOption = Annotated[
    int, typer.Option("--after", metavar="NUMBER", min=0, help="Only those that follow this one.", show_default=False)
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", metavar="N", min=1, help="At most so many.", show_default=False)
]

_COLUMNS = (
    Column("NUMBER", right=True, whole=True),
    Column("TYPE", whole=True),
    Column("WHEN", whole=True),
    Column("WHERE"),
    Column("WHY", wraps=True),
)


@app.command("list")
def list_rejections(
    ctx: typer.Context,
    *,
    account: AccountOption = None,
    after: AfterOption = 0,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """List rejections, oldest first: 100 of them in a table, all of them in JSON."""
    screen = screen_of(ctx)
    with instance.opened(screen_of(ctx), to_read=True) as service:
        if as_json:
            screen.json_list(map(_as_json, islice(_all(service, account=account, after=after), limit)))
            return
        # One more than is shown, to know if there are more.
        shown = limit or _SHOWN_IN_TABLE
        rejections = list(islice(_all(service, account=account, after=after), shown + 1))
    screen.table(_COLUMNS, map(_as_row, rejections[:shown]), empty="There is no rejection: every line was accepted.")
    if len(rejections) > shown:
        screen.note(f"There are more: add --after {rejections[shown - 1].id}")


@app.command("show")
def show(
    ctx: typer.Context,
    *,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="The rejection, by number.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Show one rejection with the line as it came."""
    with instance.opened(screen_of(ctx), to_read=True) as service, service.database.snapshot() as tx:
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
    _check_choice(numbers, everything=everything)
    screen = screen_of(ctx)
    with instance.opened(screen_of(ctx)) as service:
        if numbers:
            tried = service.intake.retry(numbers)
            accepted, rejected = tried.accepted, tried.rejected
        else:
            accepted, rejected = _retry_all(service, screen)
    screen.line(f"{count_text(accepted, 'line')} accepted, {rejected:,} still rejected.")
    if rejected:
        raise typer.Exit(Outcome.FAILED)


@app.command("drop")
def drop(
    ctx: typer.Context,
    *,
    numbers: NumbersArgument = None,
    everything: AllOption = False,
    yes: YesOption = False,
) -> None:
    """Forget rejections for good."""
    _check_choice(numbers, everything=everything)
    screen = screen_of(ctx)
    with instance.opened(screen_of(ctx)) as service:
        count = len(set(numbers)) if numbers else _extent(service)[1]
        if count:
            confirm(screen, f"Drop {count_text(count, 'rejection')} for good", yes=yes, alone=bool(numbers))
        if numbers:
            with service.database.transaction() as tx:
                for number in numbers:
                    tx.rejections.get(number)
                dropped = tx.rejections.drop(numbers)
        else:
            dropped = _drop_all(service, screen)
    screen.line(f"{count_text(dropped, 'rejection')} dropped.")


def _check_choice(numbers: list[int] | None, *, everything: bool) -> None:
    if bool(numbers) == everything:
        raise typer.BadParameter("name the rejections by number, or all of them with --all")


def _retry_all(service: Service, screen: Screen) -> tuple[int, int]:
    """Retry all current rejections in batches; return the numbers of accepted and rejected lines."""
    accepted = rejected = after = 0
    newest, count = _extent(service)
    with screen.counting("Trying again", count) as bar:
        while True:
            last, tried = service.intake.retry_following(after, up_to=newest)
            if last == after:
                return accepted, rejected
            after = last
            accepted += tried.accepted
            rejected += tried.rejected
            bar.advance(tried.accepted + tried.rejected)


def _drop_all(service: Service, screen: Screen) -> int:
    """Drop all current rejections in batches, so that others can write in between; return their number."""
    dropped = after = 0
    newest, count = _extent(service)
    with screen.counting("Dropping", count) as bar:
        while True:
            with service.database.transaction() as tx:
                some = tx.rejections.next_ids(after=after, up_to=newest)
                dropped += tx.rejections.drop(some)
            if not some:
                return dropped
            after = some[-1]
            bar.advance(len(some))


def _extent(service: Service) -> tuple[int, int]:
    with service.database.snapshot() as tx:
        return tx.rejections.newest(), tx.rejections.count()


def _all(service: Service, *, account: AccountSid | None, after: int) -> Iterator[Rejection]:
    while True:
        with service.database.snapshot() as tx:
            page = tx.rejections.listed(after_id=after, limit=_PAGE, account=account, with_lines=False)
        if not page:
            return
        yield from page
        after = page[-1].id


def _reason(rejection: Rejection) -> str:
    refusal = rejection.refusal
    return f"{refusal.field}: {refusal.reason}" if refusal.field else refusal.reason


def _as_row(rejection: Rejection) -> tuple[str, ...]:
    return (
        str(rejection.id),
        rejection.resource_type,
        f"{rejection.rejected_at:%Y-%m-%d %H:%M}",
        f"{rejection.source}:{rejection.refusal.line_number}",
        _reason(rejection),
    )


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
