"""The customer's commands about custom jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dayfile.cli.account_view import AccountOption, AccountView, DayError, seen_by, types_of
from dayfile.cli.command_group import Family
from dayfile.cli.confirmation import YesOption, confirm
from dayfile.cli.daygrid import counts_text, draw_job, headline, range_text
from dayfile.cli.exit_codes import Outcome
from dayfile.cli.options import (
    DaysArgument,
    JsonOption,
    OptionalTypesArgument,
    Password,
    TypesArgument,
    Url,
    Username,
    read_method,
    screen_of,
)
from dayfile.cli.remote import server_at
from dayfile.cli.terminal import Column, Screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dayfile.client.answers import RemoteJob
    from dayfile.client.client import Client

app = Family(help="Custom jobs: ask for a range of days, and watch its progress.")

_DEFAULT_NAME = "Custom job"

MethodOption = Annotated[
    str,
    typer.Option("--webhook-method", metavar="METHOD", help="Method of that webhook: GET or POST.", parser=read_method),
]
SidArgument = Annotated[str, typer.Argument(metavar="JOB", help="Job sid, JS…", show_default=False)]


@app.command("create")
def create(
    ctx: typer.Context,
    *,
    resource_types: TypesArgument,
    days: DaysArgument,
    name: Annotated[str, typer.Option("--name", help="Friendly name.")] = _DEFAULT_NAME,
    webhook_url: Annotated[
        str | None, typer.Option("--webhook-url", metavar="URL", help="URL to call when the job is over.")
    ] = None,
    webhook_method: MethodOption = "POST",
    email: Annotated[
        str | None, typer.Option("--email", metavar="ADDRESS", help="Whom to send an e-mail when the job is over.")
    ] = None,
    watch_it: Annotated[bool, typer.Option("--watch", help="Show its progress until it is over.")] = False,
    as_json: JsonOption = False,
    url: Url = None,
    account_sid: Username = None,
    auth_token: Password = None,
) -> None:
    """Submit a job for a range of days; with the type all, one job for each type.

    With --watch, exit code 1 if a day could not be exported.
    """
    screen = screen_of(ctx)
    told = {"webhook_url": webhook_url, "webhook_method": webhook_method, "email": email}
    with server_at(url, account_sid, auth_token) as server:
        jobs = [server.create_job(of, days.first, days.last, name=name, **told) for of in resource_types]
        if as_json:
            screen.json(jobs[0].answer if len(jobs) == 1 else [job.answer for job in jobs])
        elif not watch_it:
            for job in jobs:
                screen.line(headline(job))
                screen.note(f"Watch it with: dayfile jobs watch {job.sid}")
        if watch_it:
            _end(screen, [follow(screen, server, job) for job in jobs], say=not as_json)


@app.command("list")
def list_jobs(
    ctx: typer.Context,
    *,
    resource_types: OptionalTypesArgument = None,
    account: AccountOption = None,
    as_json: JsonOption = False,
    url: Url = None,
    account_sid: Username = None,
    auth_token: Password = None,
) -> None:
    """List the jobs of a resource type, or of all types. Servers list a job until some days after its end.

    With --account, the operator sees the jobs of any account on the instance.
    """
    screen = screen_of(ctx)
    with seen_by(screen, account, login=(url, account_sid, auth_token)) as server:
        jobs = [(one, job) for one in types_of(resource_types) for job in server.jobs(one)]
    if as_json:
        screen.json([job.answer for _, job in jobs])
        return
    columns = (*(Column(name, whole=True) for name in ("JOB", "TYPE", "DAYS", "IS")), Column("NAME"))
    rows = (
        (job.sid, one, range_text(job.days.first, job.days.last), counts_text(job), job.friendly_name)
        for one, job in jobs
    )
    of = f" for {resource_types[0]}" if resource_types and len(resource_types) == 1 else ""
    screen.table(columns, rows, empty=f"There is no job{of}. Make one: dayfile jobs create --help")


@app.command("show")
def show(
    ctx: typer.Context,
    *,
    sid: SidArgument,
    account: AccountOption = None,
    as_json: JsonOption = False,
    url: Url = None,
    account_sid: Username = None,
    auth_token: Password = None,
) -> None:
    """Show one job and the status of each of its days.

    With --account, the operator sees a job of any account on the instance, and why its days failed.
    """
    screen = screen_of(ctx)
    with seen_by(screen, account, login=(url, account_sid, auth_token)) as server:
        job = server.job(sid)
        errors = server.errors(sid) if isinstance(server, AccountView) else None
    if as_json:
        screen.json(job.answer if errors is None else {**job.answer, "errors": [_error_as_json(one) for one in errors]})
        return
    screen.draw(draw_job(job))
    if errors:
        screen.heading("Why days failed")
        columns = (Column("DAY", whole=True), Column("ATTEMPTS", right=True, whole=True), Column("WHY", wraps=True))
        screen.table(columns, ((one.day, one.attempts, one.error) for one in errors), empty="")


@app.command("watch")
def watch(
    ctx: typer.Context,
    *,
    sid: SidArgument,
    as_json: JsonOption = False,
    url: Url = None,
    account_sid: Username = None,
    auth_token: Password = None,
) -> None:
    """Show the progress of a job until it is over. Exit code 1 if a day could not be exported."""
    screen = screen_of(ctx)
    with server_at(url, account_sid, auth_token) as server:
        job = follow(screen, server, server.job(sid))
        if as_json:
            screen.json(job.answer)
        _end(screen, [job], say=not as_json)


@app.command("delete")
def delete(
    ctx: typer.Context,
    *,
    sid: SidArgument,
    yes: YesOption = False,
    as_json: JsonOption = False,
    url: Url = None,
    account_sid: Username = None,
    auth_token: Password = None,
) -> None:
    """Stop a job and remove it from the list. Files that it has published stay."""
    confirm(screen_of(ctx), f"Delete the job {sid}", yes=yes, alone=True)
    with server_at(url, account_sid, auth_token) as server:
        server.delete_job(sid)
    if as_json:
        screen_of(ctx).json({"job_sid": sid, "deleted": True})
    else:
        screen_of(ctx).note(f"Deleted {sid}.")


def follow(screen: Screen, server: Client, job: RemoteJob) -> RemoteJob:
    """Show a job until it is over, and return its final state."""
    with screen.live(draw_job(job)) as live:

        def show_progress(seen: RemoteJob) -> None:
            if live:
                live.update(draw_job(seen), refresh=True)

        return server.watch_job(job, on_look=show_progress)


def _error_as_json(error: DayError) -> dict[str, object]:
    return {"day": str(error.day), "attempts": error.attempts, "error": error.error}


def _end(screen: Screen, jobs: Sequence[RemoteJob], *, say: bool) -> None:
    for job in jobs if say else ():
        screen.draw(draw_job(job))
    if failed := sum(job.failed for job in jobs):
        screen.problem(f"{failed} of {sum(len(job.days) for job in jobs)} days could not be exported")
        raise typer.Exit(Outcome.FAILED)
