"""The reference part of docs/cli.md, written from the commands themselves: `python -m tests.unit.cli.reference`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import typer.main

from dayfile.cli.app import app
from dayfile.cli.examples import EXAMPLES
from dayfile.cli.options import CUSTOMER_PANEL, OPERATOR_PANEL
from tests.conftest import ROOT

DOCUMENT: Final = ROOT / "docs" / "cli.md"
MARK: Final = "<!-- From here on written from the commands themselves: python -m tests.unit.cli.reference -->"

_LOGIN: Final = {"--url", "--account-sid", "--auth-token"}


def commands() -> Iterator[tuple[str, str, Any]]:
    """Every command that can be run: its panel, its words, and itself."""
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        children = getattr(command, "commands", None)
        if children and command.invoke_without_command:
            yield command.rich_help_panel, f"dayfile {name}", command
        for words, leaf in [(f"{name} {child}", leaf) for child, leaf in (children or {}).items()] or [(name, command)]:
            if not leaf.hidden:
                yield command.rich_help_panel, f"dayfile {words}", leaf


def options_of(command: Any) -> list[str]:
    """All options of a command, as they are typed."""
    return [name for parameter in command.params if parameter.param_type_name == "option" for name in _typed(parameter)]


def reference() -> str:
    """All commands with what they take, in two parts."""
    lines: list[str] = []
    for panel in (OPERATOR_PANEL, CUSTOMER_PANEL):
        lines += [f"## {panel}", ""]
        for of, words, command in commands():
            if of == panel:
                lines += _section(words, command)
    return "\n".join(lines)


def _section(words: str, command: Any) -> Iterator[str]:
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    own = [option for option in options if not _LOGIN & set(option.opts)]
    usage = [words, *(argument.metavar for argument in arguments), *(["[OPTIONS]"] if own else [])]
    yield from (f"### {words}", "", f"`{' '.join(usage)}`", "", *_paragraphs(command.help), "")
    rows = [(argument.metavar, argument.help) for argument in arguments]
    rows += [(", ".join(_typed(option)) + _value(option), _help(option)) for option in own]
    if rows:
        yield from ("| | |", "|---|---|", *(f"| `{name}` | {text} |" for name, text in rows), "")
    yield from ("```sh", *EXAMPLES.get(words.removeprefix("dayfile "), ()), "```", "")


def _typed(option: Any) -> list[str]:
    return [*option.opts, *option.secondary_opts]


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(text.split("\n\n")):
        if number:
            yield ""
        yield " ".join(paragraph.split())


def _value(option: Any) -> str:
    if option.is_flag:
        return ""
    return f" {option.metavar or option.name.upper().replace('_', '-')}"


def _help(option: Any) -> str:
    told = option.show_default if isinstance(option.show_default, str) else option.default
    return option.help if option.is_flag or told in {None, ""} else f"{option.help} Default: {told}."


def main() -> None:
    """Write the document anew, its hand-written beginning left alone."""
    beginning = DOCUMENT.read_text(encoding="utf-8").partition(MARK)[0]
    DOCUMENT.write_text(f"{beginning}{MARK}\n\n{reference()}", encoding="utf-8")


if __name__ == "__main__":
    main()
