"""How the command line shows things: results on standard output, everything about them on standard error.

Tables fit a terminal and are never cut in a pipe; progress is shown on a terminal only; no text reaches the terminal's
controls, wherever it came from (`controls.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from dayfile.cli.controls import json_text, plain, plain_lines

_WIDTH_IN_A_PIPE = 10_000  # nothing is cut: what reads it decides
_REFRESHES_PER_SECOND = 12


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    right: bool = False
    whole: bool = False  # on a narrow terminal, others are cut instead
    wraps: bool = False  # instead of being cut


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar that is being shown, or would be on a terminal."""

    progress: Progress
    task: TaskID

    def advance(self, amount: int) -> None:
        """So much more is done."""
        self.progress.advance(self.task, amount)

    def from_here(self) -> Callable[[int], None]:
        """What takes the amount that is done, counted from now on."""
        start = int(self.progress.tasks[0].completed)
        return lambda amount: self.progress.update(self.task, completed=start + amount)

    def reach(self, amount: int, total: int | None) -> None:
        """So much is done by now, of so much."""
        self.progress.update(self.task, completed=amount, total=total)

    def describe(self, text: str) -> None:
        """Say what is being done now."""
        self.progress.update(self.task, description=plain(text))


class Screen:
    """Where one command shows what it has to say."""

    def __init__(self, *, color: bool = True) -> None:
        self.out = _console(color=color, stderr=False)
        self.err = _console(color=color, stderr=True)

    def line(self, text: str | Text) -> None:
        """One line of the result."""
        # Before the library sees it: it drops some controls, and what was in a name must be told.
        self.out.print(plain_lines(text) if isinstance(text, str) else text, soft_wrap=True)

    def heading(self, text: str) -> None:
        """The beginning of a new part of a long result."""
        self.out.print()
        self.out.print(Text.assemble(("● ", "green"), (plain_lines(text), "bold")), soft_wrap=True)

    def draw(self, drawing: RenderableType) -> None:
        """Something of several lines, as part of the result."""
        self.out.print(drawing)

    def json(self, value: object) -> None:
        """The result, for programs."""
        self.out.file.write(json_text(value, indent=2) + "\n")

    def json_list(self, values: Iterable[object]) -> None:
        """The result, for programs, as an array that is written as it comes."""
        write = self.out.file.write
        before = "["
        for value in values:
            # A text has no line break of its own in JSON, so each of these is one of the form.
            text = json_text(value, indent=2).replace("\n", "\n  ")
            write(f"{before}\n  {text}")
            before = ","
        write("[]\n" if before == "[" else "\n]\n")

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[object]], *, empty: str) -> None:
        """The result as a table; without rows, `empty` is said beside it."""
        table = new_table(columns)
        for row in rows:
            table.add_row(*(_cell(column, cell) for column, cell in zip(columns, row, strict=True)))
        if table.row_count:
            self.draw_table(table)
        else:
            self.note(empty)

    def draw_table(self, table: Table) -> None:
        """A table, as the result or a part of it."""
        if self.out.is_terminal:
            self.out.print(table)
            return
        with self.out.capture() as captured:
            self.out.print(table)
        self.out.file.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())

    def facts(self, facts: Mapping[str, str]) -> None:
        """The result as names and values, one a line."""
        width = max(map(len, facts))
        for name, value in facts.items():
            self.line(Text.assemble((f"{name:<{width}}", "dim"), "  ", plain(value)))

    def note(self, text: str) -> None:
        """Something about the result, not part of it."""
        self.err.print(Text(plain_lines(text), style="dim"), soft_wrap=not self.err.is_terminal)

    def warn(self, text: str) -> None:
        """Something that should not be overlooked."""
        self._tell("Warning: ", text, style="bold yellow")

    def problem(self, text: str) -> None:
        """Why there is no result."""
        self._tell("Error: ", text, style="bold red")

    def agreed(self, question: str) -> bool:
        """Put a question on the terminal, beside the result; anything but y or yes means no."""
        try:
            answer = self.err.input(Text(f"{plain_lines(question)} [y/N] ", style="bold"))
        except (EOFError, UnicodeDecodeError):
            self.err.print()
            return False
        return answer.strip().lower() in {"y", "yes"}

    @contextmanager
    def counting(self, text: str, total: int | None) -> Iterator[Bar]:
        """A bar that counts things, while the block runs."""
        with self._bar(text, total, MofNCompleteColumn()) as bar:
            yield bar

    @contextmanager
    def transfer(self, text: str, total: int | None) -> Iterator[Bar]:
        """A bar that counts bytes, while the block runs."""
        with self._bar(text, total, DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()) as bar:
            yield bar

    @contextmanager
    def live(self, drawing: RenderableType) -> Iterator[Live | None]:
        """A drawing that changes while the block runs; None where nothing can be drawn over."""
        if not self.err.is_terminal:
            yield None
            return
        with Live(drawing, console=self.err, auto_refresh=False, transient=True) as live:
            yield live

    def _tell(self, word: str, text: str, *, style: str) -> None:
        # Lines are kept: a list of wrong settings has one on each.
        told = Text.assemble((word, style), plain_lines(text))
        self.err.print(told, soft_wrap=not self.err.is_terminal)

    @contextmanager
    def _bar(self, text: str, total: int | None, *columns: ProgressColumn) -> Iterator[Bar]:
        progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            *columns,
            console=self.err,
            transient=True,
            disable=not self.err.is_terminal,
            refresh_per_second=_REFRESHES_PER_SECOND,
        )
        with progress:
            yield Bar(progress, progress.add_task(plain(text), total=total))


def new_table(columns: Sequence[Column]) -> Table:
    """An empty table in the one style that tables have here."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", collapse_padding=True)
    for column in columns:
        # To the library, a column that may not wrap is one that may not become narrower either.
        table.add_column(column.name, justify="right" if column.right else "left", no_wrap=column.whole)
    return table


def size_text(size_bytes: int) -> str:
    """A size as people say it: 398 B, 1.8 kB, 12 MB."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:  # noqa: PLR2004 - what rounds to 1000 is one of the next unit
            return f"{size:.0f} {unit}" if unit == "B" or size >= 10 else f"{size:.1f} {unit}"  # noqa: PLR2004
        size /= 1000
    return f"{size:,.1f} TB"


def count_text(count: int, thing: str) -> str:
    """A number of things: 1 day, 2 days, 12,345 records."""
    return f"{count:,} {thing if count == 1 else thing + 's'}"


class _HarmlessConsole(Console):
    """A console that writes the library's own controls and nobody else's."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(plain_lines(segment.text), segment.style)


def _console(*, color: bool, stderr: bool) -> Console:
    console = _HarmlessConsole(
        stderr=stderr, no_color=True if not color else None, markup=False, highlight=False, emoji=False, soft_wrap=False
    )
    if not console.is_terminal:
        console.width = _WIDTH_IN_A_PIPE
    return console


def _cell(column: Column, cell: object) -> Text:
    return Text(plain(_shown(cell)), no_wrap=not column.wraps, overflow="fold" if column.wraps else "ellipsis")


def _shown(cell: object) -> str:
    if cell is None:
        return "-"
    return f"{cell:,}" if type(cell) is int else str(cell)
