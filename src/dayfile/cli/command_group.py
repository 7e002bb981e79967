"""Command groups with plain help.

typer 0.29 shows the Python type of every parameter, such as `<bool>` and `<ResourceType>`, and braces around arguments,
which are of no use at a terminal. Here a flag has no type, and an argument is shown by its name. Its paragraphs are as
wide as the terminal.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import cleandoc
from typing import Any, TypeVar

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from dayfile.cli.examples import epilog_of

_PATHS = frozenset({"FILE", "FOLDER"})  # names of files are bytes, and need be no text

C = TypeVar("C", bound=Callable[..., Any])


class Command(TyperCommand):
    """A command with plain help, and an example at its end."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self.help, self.epilog = _in_whole_lines(self.help), _epilog(ctx)
        super().format_help(ctx, formatter)

    def get_params(self, ctx: Any) -> list[Any]:
        return [_plain(parameter) for parameter in super().get_params(ctx)]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        for parameter in self.params:
            if (parameter.metavar or "").rstrip(".") not in _PATHS:
                _check_text(ctx, parameter)
        return rest

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        arguments = (parameter for parameter in self.params if isinstance(parameter, TyperArgument))
        return ["[OPTIONS]", *(argument.metavar or argument.name.upper() for argument in arguments)]


class Group(TyperGroup):
    """A group of commands with plain help, and an example at its end."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self.help, self.epilog = _in_whole_lines(self.help), _epilog(ctx)
        super().format_help(ctx, formatter)

    def get_params(self, ctx: Any) -> list[Any]:
        return [_plain(parameter) for parameter in super().get_params(ctx)]


class Family(typer.Typer):
    """A group of commands about one thing."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"cls": Group, "no_args_is_help": True, **settings})

    def command(self, name: str | None = None, **settings: Any) -> Callable[[C], C]:
        """Return typer's decorator for a command, with plain help."""
        return super().command(name, **{"cls": Command, **settings})


def _in_whole_lines(text: str | None) -> str | None:
    """Return a docstring with one line for each paragraph: typer keeps line ends, and terminals have others."""
    return text and "\n\n".join(" ".join(paragraph.split()) for paragraph in cleandoc(text).split("\n\n"))


def _epilog(ctx: Any) -> str | None:
    examples = epilog_of(" ".join(ctx.command_path.split()[1:]))
    return examples and examples.replace("[", r"\[")  # to typer, a bracket begins a style


def _check_text(ctx: Any, parameter: Any) -> None:
    """Raises BadParameter for an argument, an option or a variable that is no text: nothing could be done with it."""
    given = ctx.params.get(parameter.name)
    for one in given if isinstance(given, list | tuple) else [given]:
        if isinstance(one, str) and any("\ud800" <= character <= "\udfff" for character in one):
            raise typer.BadParameter("it holds bytes that are not UTF-8", ctx=ctx, param=parameter)


def _plain(parameter: Any) -> Any:
    if isinstance(parameter, TyperArgument):
        vars(parameter)["display_type_rich"] = _nothing
    elif isinstance(parameter, TyperOption) and parameter.metavar is None:
        parameter.metavar = "" if parameter.is_flag else parameter.name.upper().replace("_", "-")
    return parameter


def _nothing(*, ctx: Any) -> None:
    """Show nothing for an argument's type."""
