from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.cli.show import Column, Screen, count_text, plain, size_text

WIDE = "x" * 300


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (12_300_000, "12 MB"),
        (5_000_000_000_000, "5.0 TB"),
    ],
)
def test_sizes_read_as_people_say_them(size: int, text: str) -> None:
    """A number that rounds up into the next unit must not show as 1000 of the smaller one."""
    assert size_text(size) == text


def test_one_of_a_thing_is_not_several() -> None:
    """Messages are read by people."""
    assert [count_text(1, "day"), count_text(0, "day"), count_text(12345, "record")] == [
        "1 day",
        "0 days",
        "12,345 records",
    ]


@given(st.text())
def test_no_text_of_others_reaches_the_terminal_s_controls(text: str) -> None:
    """A friendly name may hold an escape sequence that rewrites the screen, or turns the reading direction."""
    shown = plain(text)
    assert all(character.isprintable() or character.isspace() or ord(character) > 0x9F for character in shown)
    assert not set(shown) & set("\x1b\x07\r\n\u202e\u2066")


def test_printable_text_is_left_as_it_is() -> None:
    """Names in any script are shown in it."""
    assert plain("Планёрка 👨‍👩‍👧‍👦 عام") == "Планёрка 👨‍👩‍👧‍👦 عام"


def test_in_a_pipe_no_cell_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    """A sid that lost its end is of no use to the script that reads it."""
    Screen().table([Column("A"), Column("B", right=True)], [(WIDE, 1234), ("b", None)], empty="")
    printed = capsys.readouterr().out
    assert printed.splitlines()[1].split() == [WIDE, "1,234"]
    assert printed.splitlines()[2].split() == ["b", "-"]
    assert all(line == line.rstrip() for line in printed.splitlines())


def test_on_a_narrow_terminal_whole_columns_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a long name the beginning is enough; of a sid it is not."""
    screen = Screen(color=False)
    screen.out.file = shown = io.StringIO()
    monkeypatch.setattr(screen.out, "_force_terminal", True)
    screen.out.width = 60
    sid = "JS" + "0" * 32
    screen.table([Column("JOB", whole=True), Column("NAME")], [(sid, "a long name " * 10)], empty="")
    lines = shown.getvalue().splitlines()
    assert sid in lines[1]
    assert max(map(len, lines)) <= 60
    assert "…" in lines[1]


def test_an_empty_table_says_so_beside_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    """Scripts count lines on standard output; people still want to know."""
    Screen().table([Column("A")], [], empty="There is nothing.")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "There is nothing.\n")


def test_json_is_all_there_is_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """It goes into another program as it is."""
    Screen().json({"name": "Größe", "n": 1})
    assert json.loads(capsys.readouterr().out) == {"name": "Größe", "n": 1}


def test_nothing_moves_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    """A log of a nightly run is no place for progress bars."""
    screen = Screen()
    with screen.transfer("Taking in", 100) as bar, screen.live("a drawing") as live:
        bar.advance(50)
        assert live is None
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("color", [True, False])
def test_colours_can_be_turned_off(color: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR and --no-color mean that no colour code is written, on a terminal too."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    screen = Screen(color=color)
    screen.err.file = shown = io.StringIO()
    screen.problem("wrong")
    assert ("\x1b[1;31m" in shown.getvalue()) is color
