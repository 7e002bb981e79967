from __future__ import annotations

import io
import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from dayfile.cli.terminal import Column, Screen

WIDE = "x" * 300
OBEYED = (*range(0x20), *range(0x7F, 0xA0), 0x200B, 0x2028, 0x202E, 0x2066, 0xFEFF, 0xD800, 0xE0041)


def everything_shown(text: str, *, on_terminal: bool) -> str:
    """All that a screen writes when a text of somebody else is in everything that it shows."""
    screen, shown = Screen(color=False), io.StringIO()
    for console in (screen.out, screen.err):
        console.file = shown
        console._force_terminal = on_terminal  # as FORCE_COLOR in the environment, for this screen only
        console.width = 80
    for say in (screen.line, screen.heading, screen.note, screen.warn, screen.problem):
        say(f"about {text}")
    screen.draw(Text(f"drawn {text}"))
    screen.facts({"name": text})
    screen.table([Column("A", whole=True), Column("B", wraps=True), Column("C")], [(text, text, text)], empty="")
    screen.table([Column("A")], [], empty=f"nothing of {text}")
    screen.json({text: [text]})
    with screen.transfer(text, 100) as bar, screen.live(Text(text)):
        bar.describe(text)
        bar.advance(1)
    with screen.intake(text, 100) as bar:
        bar.describe(text)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.getvalue()) if on_terminal else shown.getvalue()


@pytest.mark.parametrize("on_terminal", [True, False])
@given(
    text=st.text(
        st.sampled_from("ab \x00\x07\x1b\r\t\x7f\x85\x9b\u200b\u2028\u202e\u2066\ufeff\ud800\U000e0041👨\u200d🌾")
    )
)
def test_no_text_of_others_reaches_the_terminal_s_controls(text: str, *, on_terminal: bool) -> None:
    """All that is shown may come from another's server, file or database: one method that forgets it is enough."""
    shown = everything_shown(text, on_terminal=on_terminal)
    # To draw over what it drew, the library moves the cursor: that is all that may be left of the terminal's controls.
    assert set(map(ord, set(shown) & set(map(chr, OBEYED)))) <= ({0x0A, 0x0D} if on_terminal else {0x0A})
    shown.encode()


def test_a_control_of_others_is_spelled_out_and_not_dropped() -> None:
    """The terminal library drops some without a word: a name would look like another one."""
    screen, shown = Screen(color=False), io.StringIO()
    screen.out.file = screen.err.file = shown
    ways: list[Callable[[str], object]] = [
        screen.line,
        screen.heading,
        screen.note,
        screen.warn,
        screen.problem,
        lambda text: screen.facts({"name": text}),
        lambda text: screen.table([Column("A")], [(text,)], empty=""),
        lambda text: screen.table([Column("A")], [], empty=text),
    ]
    for number, show in enumerate(ways):
        show(f"{number}\x07b")
        assert f"{number}\\x07b" in shown.getvalue()


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


@pytest.mark.parametrize("total", [4_000_000, None])
def test_a_file_shows_its_bytes_its_records_and_what_is_left(
    total: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The length of a pipe is unknown: no time is better than a wrong one."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    screen, shown = Screen(color=False), io.StringIO()
    screen.err.file = shown
    screen.err.width = 100
    with screen.intake("Taking in", total) as bar:
        taken, records = bar.from_here(), bar.records_from_here()
        for megabytes in range(1, 4):
            taken(megabytes * 1_000_000)
            records(megabytes * 2345)
        again = bar.records_from_here()
        again(1)
        bar.progress.refresh()
    text = shown.getvalue()
    assert "7,036 records" in text
    assert "3.0" in text
    assert ("0:00:" in text) is (total is not None)
