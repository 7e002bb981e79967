from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from dayfile.cli.examples import EXAMPLES
from dayfile.cli.exit_codes import Outcome
from dayfile.model.notice import NoticeState
from tests.unit.cli.reference import DOCUMENT, MARK, commands, options_of, reference

TEXT = DOCUMENT.read_text(encoding="utf-8")


def test_the_document_is_what_the_commands_say() -> None:
    """An option that is in no document is found by accident; one that is only in a document, not at all."""
    assert TEXT.partition(MARK)[2].strip() == reference().strip(), "run python -m tests.unit.cli.reference"


def test_the_examples_name_commands_and_options_that_exist() -> None:
    """Examples are what people copy."""
    known = {words: set(options_of(command)) for _, words, command in commands()}
    lines = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, flags=re.DOTALL) for line in block.splitlines()]
    assert len(lines) > 4
    for line in lines:
        words = max((found for found in known if line.startswith(found)), key=len)
        assert set(re.findall(r"(?<!\S)--?[a-z-]+", line)) <= known[words], line


def test_the_document_has_every_exit_code() -> None:
    """Scripts rely on them."""
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", TEXT, flags=re.MULTILINE)] == sorted(Outcome)


def test_every_command_that_ends_speaks_json() -> None:
    """Scripts must be able to read all that a person reads off the screen, changes included."""
    staying = {"serve", "work", "demo"}
    silent = [
        words
        for _, words, command in commands()
        if words.removeprefix("dayfile ") not in staying and "--json" not in options_of(command)
    ]
    assert silent == []


def test_every_help_ends_with_an_example_of_its_command(run: Any) -> None:
    """An example says more than all options; one of another command, or none, says nothing."""
    words = {words.removeprefix("dayfile ") for _, words, _ in commands()}
    groups = {"", *(one.partition(" ")[0] for one in words)}
    assert set(EXAMPLES) == words | groups
    for known, examples in EXAMPLES.items():
        assert all(re.search(rf"(^| )dayfile {known.split()[0] if known else ''}", example) for example in examples)
        shown = run(*known.split(), "--help", COLUMNS="200").output
        assert [example for example in examples if example not in shown] == [], known


def test_no_help_breaks_a_line_that_has_room_for_more(run: Any) -> None:
    """A paragraph that breaks where the source file does has every other line cut short on a terminal."""
    width = 80
    for words, command in [(words, command) for _, words, command in commands() if "\n\n" in (command.help or "")]:
        lines = run(*words.split()[1:], "--help", COLUMNS=str(width)).output.split("\n")
        about = " ".join((command.help or "").split())
        shown = [line.strip() for line in lines[3 : next(at for at, line in enumerate(lines) if line[:1] == "╭")]]
        assert " ".join(filter(None, shown)) == about, words
        short = [
            line for line, after in pairwise(shown) if after and line and len(f" {line} {after.split()[0]}") < width
        ]
        assert short == [], words


def test_values_that_may_be_chosen_are_listed(run: Any) -> None:
    """Trying them one by one is no help."""
    assert all(state.value in run("notices", "list", "--help", COLUMNS="200").output for state in NoticeState)
    refused = run(
        "jobs", "create", "Messages", "2026-10-01", "--webhook-url", "https://x.example", "--webhook-method", "PUT"
    )
    assert (refused.exit_code, "GET or POST" in refused.stderr) == (Outcome.USAGE, True)
