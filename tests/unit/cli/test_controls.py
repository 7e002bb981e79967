from __future__ import annotations

import json
import unicodedata
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.cli.controls import json_text, plain, plain_lines

OBEYED: Final = {"Cc", "Cs", "Cf", "Zl", "Zp"}
"""Categories of Unicode: controls, halves of surrogate pairs, formats, separators of lines and paragraphs."""

# Joiners, without which emoji, Persian and Hindi cannot be written; and signs of scripts that can be seen.
SHOWN: Final = set("\u200c\u200d\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd") | set(
    map(chr, range(0x600, 0x606))
)

EVERY: Final = list(map(chr, range(0x110000)))

nasty = st.one_of(
    st.sampled_from("\x00\x07\x1b\x7f\x85\x9b\u061c\u200b\u200e\u2028\u202e\u2066\ufeff\U000e0041\ud800\udfff\n\r\t"),
    st.characters(),
    st.characters(categories=["Cs", "Cf", "Cc"]),
)
texts = st.text(nasty)
# As they come from the wire: a JSON text in which a pair of halves stands is one that has the character of both.
wire_texts = texts.map(lambda text: str(json.loads(json.dumps(text))))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | wire_texts,
    lambda children: st.lists(children) | st.dictionaries(wire_texts, children),
    max_leaves=12,
)


def is_obeyed(character: str) -> bool:
    """Return True if a terminal acts on the character, shows nothing of it, or cannot be sent it."""
    return unicodedata.category(character) in OBEYED and character not in SHOWN


@pytest.mark.parametrize(("spell", "kept"), [(plain, ""), (plain_lines, "\n")])
def test_what_is_spelled_out_is_what_unicode_calls_control_or_format(spell: object, kept: str) -> None:
    """A list that somebody wrote down from memory lacks the one character that an attacker knows."""
    assert callable(spell)
    wrong = [
        c for c in EVERY if unicodedata.category(c) != "Cn" and (spell(c) != c) != (is_obeyed(c) and c not in kept)
    ]
    assert list(map(ascii, wrong)) == []


@given(texts)
def test_no_text_of_others_reaches_the_terminal_s_controls(text: str) -> None:
    """A friendly name may hold an escape sequence that rewrites the screen, or turns the reading direction."""
    assert not any(map(is_obeyed, plain(text)))
    assert not any(is_obeyed(character) for character in plain_lines(text) if character != "\n")
    assert plain_lines(text).count("\n") == text.count("\n")
    plain(text).encode()


def test_printable_text_is_left_as_it_is() -> None:
    """Names in any script are shown in it."""
    name = "Планёрка 👨‍👩‍👧‍👦 عام نمی‌خواهم हिन्दी 日本語 é"
    assert plain(name) == plain_lines(name) == name
    assert json_text([name]) == f'["{name}"]'


@given(values, st.sampled_from([None, 2]))
def test_json_holds_no_control_and_parses_to_what_it_was_made_of(value: object, indent: int | None) -> None:
    """A program reads it, and a person may look: the one needs the value, the other a terminal that stays whole."""
    written = json_text(value, indent=indent)
    assert json.loads(written) == value
    assert not any(is_obeyed(character) for character in written if character != "\n")
    assert indent or "\n" not in written
    written.encode()
