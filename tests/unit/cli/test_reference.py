from __future__ import annotations

import re

from dayfile.cli.outcome import Outcome
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


def test_every_listing_and_every_creation_speaks_json() -> None:
    """Whatever a person can read off the screen, a script must be able to read, too."""
    silent = [
        words
        for _, words, command in commands()
        if words.rpartition(" ")[2] in {"list", "create", "show", "rotate"} and "--json" not in options_of(command)
    ]
    assert silent == []
