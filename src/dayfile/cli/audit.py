"""The operator's command about the audit log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from dayfile.cli import instance
from dayfile.cli.command_group import Family
from dayfile.cli.day_words import parse_one_day
from dayfile.cli.options import JsonOption, screen_of
from dayfile.cli.terminal import Column
from dayfile.clock import SystemClock
from dayfile.errors import InvalidParameter
from dayfile.model.day import Day
from dayfile.model.sid import canonical_sid

if TYPE_CHECKING:
    from dayfile.store.audit import AuditLine

app = Family(help="Who did what, and when: accounts, keys, links to files.")

_LIMIT = 100
_LARGEST_LIMIT = 100_000

ActorOption = Annotated[
    str | None, typer.Option("--actor", metavar="WHO", help="Only what this account or key did, or operator.")
]
SubjectOption = Annotated[
    str | None,
    typer.Option(
        "--subject", metavar="WHAT", help="Only what was done to this; AC… or AC…/Messages includes its files."
    ),
]
BeforeOption = Annotated[int | None, typer.Option("--before", metavar="NUMBER", help="Only lines before this number.")]


def _read_moment(text: str) -> datetime:
    """Parse a moment: a day, which stands for its midnight, or a date with a time; UTC unless it has a zone."""
    try:
        return parse_one_day(text, today=Day.of(SystemClock().now())).start
    except InvalidParameter:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"a moment is a UTC day or a time, as 2026-10-01 or 2026-10-01T12:30Z; got {text!r}"
        ) from error
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


SinceOption = Annotated[
    datetime | None,
    typer.Option(
        "--since",
        metavar="MOMENT",
        help="Only from this moment on: a UTC day, yesterday, or 2026-10-01T12:30Z.",
        parser=_read_moment,
    ),
]
UntilOption = Annotated[
    datetime | None,
    typer.Option("--until", metavar="MOMENT", help="Only before this moment.", parser=_read_moment),
]
LimitOption = Annotated[
    int, typer.Option("--limit", metavar="N", min=1, max=_LARGEST_LIMIT, help="Show at most N lines.")
]


@app.command("list")
def list_audit(
    ctx: typer.Context,
    *,
    actor: ActorOption = None,
    subject: SubjectOption = None,
    before: BeforeOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: LimitOption = _LIMIT,
    as_json: JsonOption = False,
) -> None:
    """List the audit log, newest first."""
    with instance.opened(screen_of(ctx), to_read=True) as service, service.database.snapshot() as tx:
        # One more than is shown, to know if there are more.
        found = tx.audit.newest(
            actor=_as_kept(actor),
            subject=_as_kept(subject),
            before=before,
            since=since,
            until=until,
            limit=limit + 1,
        )
    lines = found[:limit]
    screen = screen_of(ctx)
    if as_json:
        screen.json([_as_json(line) for line in lines])
        return
    columns = (
        Column("NUMBER", right=True, whole=True),
        Column("WHEN", whole=True),
        Column("WHO"),
        Column("FROM", whole=True),
        Column("DID", whole=True),
        Column("TO", wraps=True),
    )
    screen.table(columns, map(_as_row, lines), empty="Nothing of that kind is written in the audit log.")
    if len(found) > limit:
        screen.note(f"There are older lines: add --before {lines[-1].number}")


def _as_kept(name: str | None) -> str | None:
    """Return a name from the command line as the log stores it, with the sid at its beginning in canonical form."""
    if name is None:
        return None
    sid, slash, rest = name.partition("/")
    return f"{canonical_sid(sid) or sid}{slash}{rest}"


def _as_row(line: AuditLine) -> tuple[str, ...]:
    deed = line.deed
    return (
        *(str(line.number), f"{deed.at:%Y-%m-%d %H:%M:%S}"),
        *(deed.actor, deed.address or "-", deed.action, deed.subject),
    )


def _as_json(line: AuditLine) -> dict[str, object]:
    return {
        "number": line.number,
        "date": f"{line.deed.at:%Y-%m-%dT%H:%M:%SZ}",
        "actor": line.deed.actor,
        "address": line.deed.address,
        "action": line.deed.action,
        "subject": line.deed.subject,
    }
