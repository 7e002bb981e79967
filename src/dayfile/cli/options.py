"""Arguments and options that several commands share, with the same meaning in all of them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Final

import typer

from dayfile.cli.day_words import DAYS_HELP, parse_days, parse_one_day
from dayfile.cli.terminal import Screen
from dayfile.clock import SystemClock
from dayfile.errors import DayfileError, InvalidParameter
from dayfile.model.account import AccountSid, parse_account_sid
from dayfile.model.day import Day, DayRange
from dayfile.model.resource import RESOURCE_TYPES, ResourceType, parse_resource_type

OPERATOR_PANEL: Final = "Operator (acts on the instance)"
CUSTOMER_PANEL: Final = "Customer (speaks HTTP to any BulkExports server)"
_SERVER_PANEL: Final = "Server"
_DURATION: Final = re.compile(r"(?P<number>[0-9]{1,6})(?P<unit>[smhd])|(?P<zero>0)", re.ASCII)
_ALL: Final = "all"
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
        raise typer.BadParameter(f"a duration is a number with its unit, such as 90s, 30m, 24h or 7d; got {text!r}")
    return timedelta(**{_UNITS[found["unit"] or "s"]: int(found["number"] or 0)})


def read_method(text: str) -> str:
    """A webhook's method out of the command line, in whatever letters."""
    if text.upper() not in {"GET", "POST"}:
        raise typer.BadParameter(f"a webhook's method is GET or POST; got {text!r}")
    return text.upper()


def read_type(text: str) -> ResourceType:
    """Parse a resource type; raises typer.BadParameter."""
    try:
        return parse_resource_type(text)
    except DayfileError as error:
        raise typer.BadParameter(str(error)) from error


def _complete_type(incomplete: str) -> list[str]:
    return [known.name for known in RESOURCE_TYPES if known.name.lower().startswith(incomplete.lower())]


class ChosenTypes(tuple[ResourceType, ...]):
    """One resource type, or all of them, as somebody has written it; to typer, a plain tuple is several arguments."""

    __slots__ = ()


def read_types(text: str) -> ChosenTypes:
    """A resource type out of the command line, or all of them."""
    return ChosenTypes(RESOURCE_TYPES if text == _ALL else (read_type(text),))


def _complete_types(incomplete: str) -> list[str]:
    return [*_complete_type(incomplete), *([_ALL] if _ALL.startswith(incomplete) else [])]


def read_day(text: str) -> Day:
    """Parse a day; raises typer.BadParameter."""
    try:
        return parse_one_day(text, today=_today())
    except InvalidParameter as error:
        raise typer.BadParameter(str(error)) from error


def _read_days(text: str) -> DayRange:
    try:
        return parse_days(text, today=_today())
    except InvalidParameter as error:
        raise typer.BadParameter(str(error)) from error


def _today() -> Day:
    return Day.of(SystemClock().now())


TYPE_HELP: Final = f"Resource type: {', '.join(known.name for known in RESOURCE_TYPES)}."
_TYPES_HELP: Final = f"{TYPE_HELP.removesuffix('.')}; or {_ALL}."

TypeArgument = Annotated[
    ResourceType,
    typer.Argument(metavar="TYPE", help=TYPE_HELP, parser=read_type, autocompletion=_complete_type, show_default=False),
]
OptionalTypesArgument = Annotated[
    ChosenTypes | None,
    typer.Argument(
        metavar="[TYPE]",
        help=f"{_TYPES_HELP} All of them if it is left out.",
        parser=read_types,
        autocompletion=_complete_types,
        show_default=False,
    ),
]
TypesArgument = Annotated[
    ChosenTypes,
    typer.Argument(
        metavar="TYPE", help=_TYPES_HELP, parser=read_types, autocompletion=_complete_types, show_default=False
    ),
]
DayArgument = Annotated[
    Day, typer.Argument(metavar="DAY", help="UTC day, yyyy-mm-dd, or yesterday.", parser=read_day, show_default=False)
]
DaysArgument = Annotated[
    DayRange,
    typer.Argument(metavar="DAYS", help=DAYS_HELP, parser=_read_days, show_default=False),
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
        help="URL of a BulkExports server; https://bulkexports.twilio.com works, too.",
        rich_help_panel=_SERVER_PANEL,
        show_default=False,
    ),
]
Username = Annotated[
    str | None,
    typer.Option(
        "--account-sid",
        envvar="DAYFILE_ACCOUNT_SID",
        help="The account (AC…), or one of its API keys (SK…).",
        rich_help_panel=_SERVER_PANEL,
        show_default=False,
    ),
]
Password = Annotated[
    str | None,
    typer.Option(
        "--auth-token",
        envvar="DAYFILE_AUTH_TOKEN",
        help="Its auth token, or the key's secret. Better set the variable: other users can see command lines.",
        rich_help_panel=_SERVER_PANEL,
        show_default=False,
    ),
]
