"""Arguments and options that several commands share, with the same meaning in all of them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Final

import typer

from dayfile.cli.show import Screen
from dayfile.errors import DayfileError, InvalidParameter
from dayfile.model.account import AccountSid, parse_account_sid
from dayfile.model.day import Day, DayRange
from dayfile.model.resource import RESOURCE_TYPES, ResourceType, parse_resource_type

OPERATOR_PANEL: Final = "Operator (acts on the instance)"
CUSTOMER_PANEL: Final = "Customer (speaks HTTP to any BulkExports server)"
_SERVER_PANEL: Final = "Server"
_DURATION: Final = re.compile(r"(?P<number>[0-9]{1,6})(?P<unit>[smhd])|(?P<zero>0)", re.ASCII)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def screen_of(ctx: typer.Context) -> Screen:
    """Return the screen of this run."""
    screen = ctx.find_object(Screen)
    return screen if screen is not None else Screen()


def read_account(text: str) -> AccountSid:
    """Parse an account sid; raises typer.BadParameter."""
    try:
        return parse_account_sid(text, name="ACCOUNT")
    except InvalidParameter as error:
        raise typer.BadParameter(str(error)) from error


def read_duration(text: str) -> timedelta:
    """Parse a duration: a number with its unit (90s, 30m, 24h, 7d), or 0; raises typer.BadParameter."""
    found = _DURATION.fullmatch(text)
    if not found:
        raise typer.BadParameter(f"a duration is a number with its unit, as 90s, 30m, 24h or 7d; got {text!r}")
    return timedelta(**{_UNITS[found["unit"] or "s"]: int(found["number"] or 0)})


def read_type(text: str) -> ResourceType:
    """Parse a resource type; raises typer.BadParameter."""
    try:
        return parse_resource_type(text)
    except DayfileError as error:
        raise typer.BadParameter(str(error)) from error


def _complete_type(incomplete: str) -> list[str]:
    return [known.name for known in RESOURCE_TYPES if known.name.lower().startswith(incomplete.lower())]


def read_day(text: str) -> Day:
    """Parse a day; raises typer.BadParameter."""
    try:
        return Day.parse(text, name="DAY")
    except InvalidParameter as error:
        raise typer.BadParameter(str(error)) from error


def _read_days(text: str) -> DayRange:
    first, dots, last = text.partition("..")
    days = DayRange(first=read_day(first), last=read_day(last if dots else first))
    if days.last < days.first:
        raise typer.BadParameter(f"a range goes from the earlier day to the later one: {last}..{first}")
    return days


TYPE_HELP: Final = f"Resource type: {', '.join(known.name for known in RESOURCE_TYPES)}."

TypeArgument = Annotated[
    ResourceType,
    typer.Argument(metavar="TYPE", help=TYPE_HELP, parser=read_type, autocompletion=_complete_type, show_default=False),
]
OptionalTypeArgument = Annotated[
    ResourceType | None,
    typer.Argument(
        metavar="[TYPE]",
        help=f"{TYPE_HELP} All of them without it.",
        parser=read_type,
        autocompletion=_complete_type,
        show_default=False,
    ),
]
DayArgument = Annotated[
    Day, typer.Argument(metavar="DAY", help="UTC day, yyyy-mm-dd.", parser=read_day, show_default=False)
]
DaysArgument = Annotated[
    DayRange,
    typer.Argument(metavar="DAYS", help="One UTC day, or a range FROM..TO.", parser=_read_days, show_default=False),
]
KeepOption = Annotated[
    timedelta | None,
    typer.Option(
        "--keep-old-for",
        metavar="DURATION",
        help="How long an old token works beside the new one: 90s, 30m, 24h, 7d.",
        parser=read_duration,
        show_default="24h",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="DAYFILE_URL",
        help="A BulkExports server; https://bulkexports.twilio.com works, too.",
        rich_help_panel=_SERVER_PANEL,
        show_default=False,
    ),
]
Username = Annotated[
    str | None,
    typer.Option(
        "--account-sid",
        envvar="DAYFILE_ACCOUNT_SID",
        help="The account (AC…), or an API key of it (SK…).",
        rich_help_panel=_SERVER_PANEL,
        show_default=False,
    ),
]
Password = Annotated[
    str | None,
    typer.Option(
        "--auth-token",
        envvar="DAYFILE_AUTH_TOKEN",
        help="Its auth token, or the key's secret. Others can see what is on a command line: better set the variable.",
        rich_help_panel=_SERVER_PANEL,
        show_default=False,
    ),
]
