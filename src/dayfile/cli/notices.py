"""The operator's commands about notices: list, show with all attempts, replay."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from dayfile.cli import instance
from dayfile.cli.command_group import Family
from dayfile.cli.options import JsonOption, read_account, screen_of
from dayfile.cli.terminal import Column
from dayfile.model.account import AccountSid
from dayfile.model.lane import LaneKey
from dayfile.model.notice import Channel, NoticeState, Result, parse_event_sid
from dayfile.model.quantity import count_text

if TYPE_CHECKING:
    from pathlib import Path

    from dayfile.model.notice import Attempt, Notice

app = Family(help="Notices to webhooks and e-mail addresses, and their delivery.")

_LIMIT = 100
_LARGEST_LIMIT = 100_000
_SHOWN_CHARACTERS = 400

_COLUMNS = (
    Column("EVENT", whole=True),
    Column("STATE", whole=True),
    Column("TRIES", right=True, whole=True),
    Column("WHEN", whole=True),
    Column("WHAT"),
    Column("WHO"),
)

_STATES = ", ".join(state.value for state in NoticeState)

EventArgument = Annotated[
    str, typer.Argument(metavar="EVENT", help="The notice, by its event sid, EV…", show_default=False)
]
EventsArgument = Annotated[
    list[str], typer.Argument(metavar="EVENT...", help="Notices, by their event sids, EV…", show_default=False)
]
AccountOption = Annotated[
    AccountSid | None,
    typer.Option("--account", metavar="ACCOUNT", help="Only notices of this account.", parser=read_account),
]
StateOption = Annotated[
    NoticeState | None, typer.Option("--state", metavar="STATE", help=f"Only notices in this state: {_STATES}.")
]
LimitOption = Annotated[
    int, typer.Option("--limit", metavar="N", min=1, max=_LARGEST_LIMIT, help="Show at most N notices.")
]
BeforeOption = Annotated[
    str | None, typer.Option("--before", metavar="EVENT", help="Only notices older than this one, EV….")
]


@app.command("list")
def list_notices(
    ctx: typer.Context,
    *,
    account: AccountOption = None,
    state: StateOption = None,
    before: BeforeOption = None,
    limit: LimitOption = _LIMIT,
    as_json: JsonOption = False,
) -> None:
    """List notices, newest first."""
    with instance.opened(screen_of(ctx), to_read=True) as service, service.database.snapshot() as tx:
        number = None if before is None else tx.notices.get(parse_event_sid(before)).number
        # One more than is shown, to know if there are more.
        found = tx.notices.page(account=account, state=state, before=number, limit=limit + 1)
        base_url = service.settings.base_url
    screen, notices = screen_of(ctx), found[:limit]
    if as_json:
        screen.json([_as_json(notice, None, base_url) for notice in notices])
        return
    rows = (_line(notice) for notice in notices)
    screen.table(_COLUMNS, rows, empty="There is no notice of that kind.")
    if len(found) > limit:
        screen.note(f"There are older ones: add --before {notices[-1].sid}")


@app.command("show")
def show(ctx: typer.Context, *, event: EventArgument, as_json: JsonOption = False) -> None:
    """Show one notice with every attempt to deliver it."""
    sid = parse_event_sid(event)
    with instance.opened(screen_of(ctx), to_read=True) as service, service.database.snapshot() as tx:
        notice, attempts = tx.notices.get(sid), tx.notices.attempts(sid)
        base_url, mail_folder = service.settings.base_url, service.settings.mailing.folder
    screen = screen_of(ctx)
    if as_json:
        screen.json(_as_json(notice, attempts, base_url))
        return
    screen.facts(_facts(notice, mail_folder))
    if attempts:
        screen.heading(count_text(len(attempts), "attempt"))
    columns = (
        Column("#", right=True, whole=True),
        Column("WHEN", whole=True),
        Column("TOOK", right=True, whole=True),
        Column("OUTCOME", whole=True),
        Column("STATUS", right=True, whole=True),
        Column("WHY", wraps=True),
    )
    screen.table(columns, (_row(attempt) for attempt in attempts), empty="It was not attempted yet.")


@app.command("replay")
def replay(ctx: typer.Context, *, events: EventsArgument, as_json: JsonOption = False) -> None:
    """Replay notices: attempt them again now, with the same event sid, whether they have ended or are pending."""
    from dayfile.cli.operator import operator_here

    sids = [parse_event_sid(event) for event in events]
    screen = screen_of(ctx)
    with instance.opened(screen) as service:
        notices = [service.replay.replay(sid, actor=operator_here()) for sid in sids]
        base_url = service.settings.base_url
    if as_json:
        screen.json([_as_json(notice, None, base_url) for notice in notices])
        return
    for notice in notices:
        screen.note(f"{notice.sid} is due now: a running worker attempts it at once.")


def _line(notice: Notice) -> tuple[object, ...]:
    return (
        notice.sid,
        notice.state.value,
        notice.attempts,
        f"{notice.created_at:%m-%d %H:%M}",
        notice.event.value,
        notice.receiver if notice.channel is Channel.MAIL else _host(notice),
    )


def _facts(notice: Notice, mail_folder: Path) -> dict[str, str]:
    facts = {
        "event": f"{notice.sid}  {notice.event.value}",
        "account": notice.account,
        "of": notice.job_sid or f"{notice.resource_type} {notice.day}",
        "name": notice.content.friendly_name,
        "to": f"{notice.receiver} ({notice.method or notice.channel.value})",
        "state": notice.state.value,
        "written": f"{notice.created_at:%Y-%m-%d %H:%M:%S} UTC",
    }
    if notice.next_attempt_at:
        facts["next"] = f"{notice.next_attempt_at:%Y-%m-%d %H:%M:%S} UTC, or later while its host rests"
    if notice.ended_at:
        facts["ended"] = f"{notice.ended_at:%Y-%m-%d %H:%M:%S} UTC"
    if notice.state is NoticeState.UNSENT:
        from dayfile.delivery.mail_folder import letter_path

        facts["letter"] = str(letter_path(mail_folder, notice.sid))
    return facts


def _row(attempt: Attempt) -> tuple[object, ...]:
    reason = attempt.error or ("no end is known: under way, or its worker was lost" if attempt.result is None else "")
    answer = attempt.answer.decode(errors="replace") if attempt.result is not Result.DELIVERED else ""
    return (
        str(attempt.number),
        f"{attempt.began_at:%m-%d %H:%M:%S}",
        None if attempt.took is None else f"{attempt.took / timedelta(seconds=1):.2f} s",
        None if attempt.result is None else attempt.result.value,
        None if attempt.status is None else str(attempt.status),
        " ".join(part for part in (reason, answer[:_SHOWN_CHARACTERS]) if part) or None,
    )


def _host(notice: Notice) -> str:
    # A URL may carry a token; in a list the host is enough.
    return LaneKey.of(notice.account, notice.channel, notice.receiver).host


def _as_json(notice: Notice, attempts: list[Attempt] | None, base_url: str) -> object:
    # The same body as over HTTP, so that a script can read both.
    from dayfile.api.notice_bodies import FetchedNoticeBody, NoticeBody
    from dayfile.web.urls import Urls

    urls = Urls(base_url)
    body = NoticeBody.of(urls, notice) if attempts is None else FetchedNoticeBody.whole(urls, notice, attempts)
    return body.members()
