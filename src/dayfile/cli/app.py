"""The command line: all commands, and the handling of errors."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

import typer

from dayfile import __version__
from dayfile.cli import (
    accounts,
    audit,
    backup,
    check,
    clock,
    configuration,
    damage,
    days,
    days_sync,
    demo,
    intake,
    jobs,
    keys,
    move,
    notices,
    rebuild,
    rejections,
    seal,
    serve,
    status,
    storage,
)
from dayfile.cli.command_group import Family, Group
from dayfile.cli.controls import plain_lines, spell_out_what_cannot_be_written
from dayfile.cli.exit_codes import Outcome, outcome_of
from dayfile.cli.options import CUSTOMER_PANEL, OPERATOR_PANEL
from dayfile.cli.terminal import Screen
from dayfile.errors import DatabaseDamaged, DayfileError

_OF_THE_LIBRARY: Final = "Value error, "  # before its messages about choices
_UsageError: Final[Any] = typer.BadParameter.__base__  # the base of all usage errors, which typer does not export


class Commands(Group):
    """The root group of commands, which turns expected errors into one message and an exit code."""

    def main(self, *args: Any, **settings: Any) -> Any:
        spell_out_what_cannot_be_written(sys.stdout, sys.stderr)
        return super().main(*args, **settings)

    def make_context(self, *args: Any, **settings: Any) -> Any:
        with _mistakes_spelled_out():
            return super().make_context(*args, **settings)

    def invoke(self, ctx: Any) -> Any:
        try:
            with _mistakes_spelled_out():
                return super().invoke(ctx)
        except DayfileError as error:
            screen = _screen(ctx)
            screen.problem(f"{error}. {error.to_do}" if isinstance(error, DatabaseDamaged) else str(error))
            for note in getattr(error, "__notes__", ()):
                screen.note(note)
            raise typer.Exit(outcome_of(error)) from error
        except UnicodeEncodeError as error:
            # The text is not shown: it may be a password.
            _screen(ctx).problem("an argument or variable cannot be used: it holds bytes that are not UTF-8")
            raise typer.Exit(Outcome.USAGE) from error
        except BrokenPipeError:
            raise  # the reader of the pipe has seen enough
        except OSError as error:
            _screen(ctx).problem(_of_the_system(error))
            raise typer.Exit(Outcome.FAILED) from error


app = Family(
    cls=Commands,
    name="dayfile",
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"dayfile {__version__}")
        raise typer.Exit


@app.callback()
def dayfile(
    ctx: typer.Context,
    *,
    _version: Annotated[
        bool, typer.Option("--version", "-V", is_eager=True, callback=_show_version, help="Show the version and exit.")
    ] = False,
    no_color: Annotated[
        bool, typer.Option("--no-color", help="No colours, as with NO_COLOR in the environment.")
    ] = False,
) -> None:
    """Bulk export of communications logs, through the BulkExports API that Twilio's libraries speak."""
    ctx.obj = Screen(color=not no_color)


app.command("init", rich_help_panel=OPERATOR_PANEL)(serve.init)
app.command("serve", rich_help_panel=OPERATOR_PANEL)(serve.serve)
app.command("work", rich_help_panel=OPERATOR_PANEL)(serve.work)
app.command("intake", rich_help_panel=OPERATOR_PANEL)(intake.intake)
app.command("seal", rich_help_panel=OPERATOR_PANEL)(seal.seal)
app.add_typer(accounts.app, name="accounts", rich_help_panel=OPERATOR_PANEL)
app.add_typer(keys.app, name="keys", rich_help_panel=OPERATOR_PANEL)
app.add_typer(rejections.app, name="rejections", rich_help_panel=OPERATOR_PANEL)
app.add_typer(audit.app, name="audit", rich_help_panel=OPERATOR_PANEL)
app.add_typer(notices.app, name="notices", rich_help_panel=OPERATOR_PANEL)
app.add_typer(clock.app, name="clock", rich_help_panel=OPERATOR_PANEL)
app.add_typer(damage.app, name="damage", rich_help_panel=OPERATOR_PANEL)
app.add_typer(storage.app, name="storage", rich_help_panel=OPERATOR_PANEL)
app.command("status", rich_help_panel=OPERATOR_PANEL)(status.status)
app.command("check", rich_help_panel=OPERATOR_PANEL)(check.check)
app.command("backup", rich_help_panel=OPERATOR_PANEL)(backup.backup)
app.command("restore", rich_help_panel=OPERATOR_PANEL)(backup.restore)
app.command("move", rich_help_panel=OPERATOR_PANEL)(move.move)
app.command("rebuild", rich_help_panel=OPERATOR_PANEL)(rebuild.rebuild)
app.command("demo", rich_help_panel=OPERATOR_PANEL)(demo.demo)
app.add_typer(jobs.app, name="jobs", rich_help_panel=CUSTOMER_PANEL)
app.add_typer(configuration.app, name="configuration", rich_help_panel=CUSTOMER_PANEL)
days.app.command("sync")(days_sync.sync)
app.add_typer(days.app, name="days", rich_help_panel=CUSTOMER_PANEL)


@contextmanager
def _mistakes_spelled_out() -> Iterator[None]:
    """Escape control characters in usage errors: typer's messages repeat the arguments as they were given."""
    try:
        yield
    except _UsageError as error:
        error.message = plain_lines(error.message.removeprefix(_OF_THE_LIBRARY))
        raise


def _screen(ctx: Any) -> Screen:
    return ctx.obj if isinstance(ctx.obj, Screen) else Screen()


def _of_the_system(error: OSError) -> str:
    name = f": {error.filename}" if error.filename else ""
    return f"{error.strerror or error}{name}"
