"""The operator's commands about rejections."""

from __future__ import annotations

from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from dayfile.cli import instance
from dayfile.cli.command_group import Family
from dayfile.cli.confirmation import YesOption, confirm
from dayfile.cli.exit_codes import Outcome
from dayfile.cli.operator import operator_here
from dayfile.cli.options import JsonOption, read_account, read_type, screen_of
from dayfile.cli.terminal import Column, Screen
from dayfile.model.account import AccountSid
from dayfile.model.quantity import count_text
from dayfile.model.receipt import ALL_REJECTIONS, RejectionFilter
from dayfile.model.resource import ResourceType
from dayfile.model.sid import canonical_sid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dayfile.intake.rejection_deeds import RejectionDeeds
    from dayfile.model.receipt import Rejection, RejectionGroup
    from dayfile.service import Service


class GroupBy(StrEnum):
    """One of the things that rejections are grouped by."""

    REASON = "reason"
    SOURCE = "source"


app = Family(help="Lines that were not accepted: look at them, try them again, drop them.")

_PAGE = 500
_SHOWN_IN_TABLE = 100
_SHOWN_CHARACTERS = 4000

NumbersArgument = Annotated[
    list[int] | None, typer.Argument(metavar="[NUMBER...]", help="Numbers of rejections.", show_default=False)
]
AllOption = Annotated[bool, typer.Option("--all", help="All of them.")]


def _read_receipt(text: str) -> str:
    sid = canonical_sid(text, prefix="RC")
    if sid is None:
        raise typer.BadParameter(f"a receipt's sid is RC followed by 32 hexadecimal digits; got {text!r}")
    return sid


TypeOption = Annotated[
    ResourceType | None,
    typer.Option("--type", metavar="TYPE", help="Only those sent as this resource type.", parser=read_type),
]
ReasonOption = Annotated[
    str | None,
    typer.Option("--reason", metavar="TEXT", help="Only those with this text in their reason.", show_default=False),
]
SourceOption = Annotated[
    str | None,
    typer.Option(
        "--source", metavar="SOURCE", help="Only those from this file, named as in the list.", show_default=False
    ),
]
ReceiptOption = Annotated[
    str | None,
    typer.Option(
        "--receipt", metavar="RC...", help="Only those of the request with this receipt.", parser=_read_receipt
    ),
]
AccountOption = Annotated[
    AccountSid | None,
    typer.Option("--account", metavar="ACCOUNT", help="Only those for this unknown account.", parser=read_account),
]
ByOption = Annotated[
    GroupBy | None, typer.Option("--by", metavar="BY", help="reason or source; both without it.", show_default=False)
]
AfterOption = Annotated[
    int, typer.Option("--after", metavar="NUMBER", min=0, help="Only those after this number.", show_default=False)
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", metavar="N", min=1, help="Show at most N.", show_default=False)
]

GroupsOption = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="Show at most N groups.")]

_NONE = "There is no rejection: every line was accepted."
_NO_SUCH = "There is no such rejection."

_GROUP_COLUMNS = (
    Column("COUNT", right=True, whole=True),
    Column("TYPE", whole=True),
    Column("NUMBERS", whole=True),
    Column("WHERE"),
    Column("WHY", wraps=True),
)
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
    resource_type: TypeOption = None,
    reason: ReasonOption = None,
    source: SourceOption = None,
    receipt: ReceiptOption = None,
    account: AccountOption = None,
    after: AfterOption = 0,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """List rejections, oldest first. A table shows 100 of them, --json all."""
    screen = screen_of(ctx)
    matching = _matching(resource_type, account, reason=reason, source=source, receipt=receipt)
    with instance.opened(screen_of(ctx), to_read=True) as service:
        if as_json:
            screen.json_list(map(_as_json, islice(_all(service, matching, after=after), limit)))
            return
        # One more than is shown, to know if there are more.
        shown = limit or _SHOWN_IN_TABLE
        rejections = list(islice(_all(service, matching, after=after), shown + 1))
    empty = _NONE if matching == ALL_REJECTIONS and not after else _NO_SUCH
    screen.table(_COLUMNS, map(_as_row, rejections[:shown]), empty=empty)
    if len(rejections) > shown:
        screen.note(f"There are more: add --after {rejections[shown - 1].id}")


@app.command("groups")
def groups(
    ctx: typer.Context,
    *,
    by: ByOption = None,
    resource_type: TypeOption = None,
    reason: ReasonOption = None,
    source: SourceOption = None,
    receipt: ReceiptOption = None,
    account: AccountOption = None,
    limit: GroupsOption = _SHOWN_IN_TABLE,
    as_json: JsonOption = False,
) -> None:
    """Count rejections by reason and source (a file or a receipt), the largest groups first."""
    screen = screen_of(ctx)
    matching = _matching(resource_type, account, reason=reason, source=source, receipt=receipt)
    with instance.opened(screen_of(ctx), to_read=True) as service, service.database.snapshot() as tx:
        # One more than is shown, to know if there are more.
        found = tx.rejections.groups(
            by_reason=by is not GroupBy.SOURCE,
            by_source=by is not GroupBy.REASON,
            matching=matching,
            limit=limit + 1,
        )
    if as_json:
        screen.json([_group_as_json(group) for group in found[:limit]])
    else:
        empty = _NONE if matching == ALL_REJECTIONS else _NO_SUCH
        screen.table(_GROUP_COLUMNS, map(_group_as_row, found[:limit]), empty=empty)
    if len(found) > limit:
        screen.note(f"There are more groups: add --limit {limit * 10}")


@app.command("show")
def show(
    ctx: typer.Context,
    *,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Number of the rejection.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Show one rejection, with the line as it was sent."""
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
        screen.note(f"The line has {len(line):,} characters; --json shows all of it.")


@app.command("retry")
def retry(
    ctx: typer.Context,
    *,
    numbers: NumbersArgument = None,
    everything: AllOption = False,
    resource_type: TypeOption = None,
    reason: ReasonOption = None,
    source: SourceOption = None,
    receipt: ReceiptOption = None,
    account: AccountOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try rejections again, chosen by number or by a filter. Accepted ones leave the list.

    Exit code 1 if some are still rejected.
    """
    matching = _matching(resource_type, account, reason=reason, source=source, receipt=receipt)
    _check_choice(numbers, matching, everything=everything)
    screen = screen_of(ctx)
    with instance.opened(screen_of(ctx)) as service:
        if numbers:
            tried = _deeds(service).retry(numbers, intake=service.intake)
            accepted, rejected = tried.accepted, tried.rejected
        else:
            accepted, rejected = _retry_all(service, screen, matching)
        service.database.give_back_space()
    if as_json:
        screen.json({"accepted": accepted, "rejected": rejected})
    else:
        screen.line(f"{count_text(accepted, 'line')} accepted, {rejected:,} still rejected.")
    if rejected:
        raise typer.Exit(Outcome.FAILED)


@app.command("drop")
def drop(
    ctx: typer.Context,
    *,
    numbers: NumbersArgument = None,
    everything: AllOption = False,
    resource_type: TypeOption = None,
    reason: ReasonOption = None,
    source: SourceOption = None,
    receipt: ReceiptOption = None,
    account: AccountOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Delete rejections for good, chosen by number or by a filter, and free their disk space."""
    matching = _matching(resource_type, account, reason=reason, source=source, receipt=receipt)
    _check_choice(numbers, matching, everything=everything)
    screen = screen_of(ctx)
    with instance.opened(screen_of(ctx)) as service:
        count = len(set(numbers)) if numbers else _extent(service, matching)[1]
        if count:
            confirm(screen, f"Drop {count_text(count, 'rejection')} for good", yes=yes, alone=bool(numbers))
        dropped = _deeds(service).drop(numbers) if numbers else _drop_all(service, screen, matching)
        service.database.give_back_space()
    if as_json:
        screen.json({"dropped": dropped})
    else:
        screen.line(f"{count_text(dropped, 'rejection')} dropped.")


def _matching(
    resource_type: ResourceType | None,
    account: AccountSid | None,
    *,
    reason: str | None,
    source: str | None,
    receipt: str | None,
) -> RejectionFilter:
    if source is not None and receipt is not None:
        raise typer.BadParameter("give --source or --receipt, not both: a rejection has only one of them")
    # What has been sent in a request is filed under its receipt.
    return RejectionFilter(resource_type=resource_type, account=account, source=receipt or source, reason=reason)


def _deeds(service: Service) -> RejectionDeeds:
    from dayfile.intake.rejection_deeds import RejectionDeeds

    return RejectionDeeds(service.database, clock=service.clock, actor=operator_here())


def _check_choice(numbers: list[int] | None, matching: RejectionFilter, *, everything: bool) -> None:
    if bool(numbers) + (matching != ALL_REJECTIONS) + everything != 1:
        raise typer.BadParameter(
            "name the rejections by number, or by --type, --reason, --source, --receipt or --account, or all with --all"
        )


def _retry_all(service: Service, screen: Screen, matching: RejectionFilter) -> tuple[int, int]:
    """Retry all current rejections that match; return the numbers of accepted and rejected lines."""
    accepted = rejected = 0
    newest, count = _extent(service, matching)
    with screen.counting("Trying again", count) as bar:
        for tried in _deeds(service).retry_all(matching, up_to=newest, intake=service.intake):
            accepted, rejected = accepted + tried.accepted, rejected + tried.rejected
            bar.advance(tried.accepted + tried.rejected)
    return accepted, rejected


def _drop_all(service: Service, screen: Screen, matching: RejectionFilter) -> int:
    """Drop all current rejections that match; return their number."""
    dropped = 0
    newest, count = _extent(service, matching)
    with screen.counting("Dropping", count) as bar:
        for some in _deeds(service).drop_all(matching, up_to=newest):
            dropped += some
            bar.advance(some)
    return dropped


def _extent(service: Service, matching: RejectionFilter) -> tuple[int, int]:
    with service.database.snapshot() as tx:
        return tx.rejections.newest(), tx.rejections.count(matching)


def _all(service: Service, matching: RejectionFilter, *, after: int) -> Iterator[Rejection]:
    while True:
        with service.database.snapshot() as tx:
            page = tx.rejections.listed(after_id=after, limit=_PAGE, matching=matching, with_lines=False)
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


def _group_as_row(group: RejectionGroup) -> tuple[str | None, ...]:
    why = f"{group.field}: {group.reason}" if group.field else group.reason
    numbers = str(group.first_id) if group.count == 1 else f"{group.first_id} to {group.last_id}"
    return f"{group.count:,}", group.resource_type, numbers, group.source, why


def _group_as_json(group: RejectionGroup) -> dict[str, object]:
    return {
        "count": group.count,
        "resource_type": group.resource_type,
        "field": group.field,
        "reason": group.reason,
        "source": group.source,
        "first_number": group.first_id,
        "last_number": group.last_id,
        "last_date_rejected": f"{group.last_rejected_at:%Y-%m-%dT%H:%M:%SZ}",
    }


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
