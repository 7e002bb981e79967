"""Terminal output: results on standard output, everything else on standard error.

Tables fit the terminal and are never truncated in a pipe; progress is shown on a terminal only; control characters are
escaped in all text, wherever it comes from (`controls.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

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

_WIDTH_IN_A_PIPE = 10_000  # no truncation: that is up to the reader
_REFRESHES_PER_SECOND = 12


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    right: bool = False
    whole: bool = False  # never truncated; on a narrow terminal, other columns are
    wraps: bool = False  # instead of being truncated


@dataclass(frozen=True, slots=True)
class Bar:
    """A progress bar; invisible unless standard error is a terminal."""

    progress: Progress
    task: TaskID

    def advance(self, amount: int) -> None:
        """Add `amount` to the progress."""
        self.progress.advance(self.task, amount)

    def from_here(self) -> Callable[[int], None]:
        """Return a function that sets the progress, counted from its present state."""
        start = int(self.progress.tasks[0].completed)
        return lambda amount: self.progress.update(self.task, completed=start + amount)

    def records_from_here(self) -> Callable[[int], None]:
        """Return a function that sets the number of records, counted from its present state."""
        start = int(self.progress.tasks[0].fields["records"])
        return lambda records: self.progress.update(self.task, records=start + records)

    def reach(self, amount: int, total: int | None) -> None:
        """Set the progress to `amount` of `total`; None if the total is unknown."""
        self.progress.update(self.task, completed=amount, total=total)

    def describe(self, text: str) -> None:
        """Set the description of the current step."""
        self.progress.update(self.task, description=plain(text))


class Screen:
    """The output of one command."""

    def __init__(self, *, color: bool = True) -> None:
        self.out = _console(color=color, stderr=False)
        self.err = _console(color=color, stderr=True)

    def line(self, text: str | Text) -> None:
        """Print one line of the result."""
        # Escaped first: rich silently drops some control characters, and they must be visible.
        self.out.print(plain_lines(text) if isinstance(text, str) else text, soft_wrap=True)

    def heading(self, text: str) -> None:
        """Print the heading of a new part of a long result."""
        self.out.print()
        self.out.print(Text.assemble(("● ", "green"), (plain_lines(text), "bold")), soft_wrap=True)

    def draw(self, drawing: RenderableType) -> None:
        """Print a drawing of several lines, as part of the result."""
        self.out.print(drawing)

    def json(self, value: object) -> None:
        """The result, for programs: in ASCII, whatever encoding either side takes the other to have."""
        self.out.file.write(json_text(value, indent=2, ascii_only=True) + "\n")

    def json_list(self, values: Iterable[object]) -> None:
        """Print the result as a JSON array, each element as soon as it comes."""
        write = self.out.file.write
        before = "["
        for value in values:
            # A text has no line break of its own in JSON, so each of these is one of the form.
            text = json_text(value, indent=2, ascii_only=True).replace("\n", "\n  ")
            write(f"{before}\n  {text}")
            before = ","
        write("[]\n" if before == "[" else "\n]\n")

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[object]], *, empty: str) -> None:
        """Print the result as a table; without rows, print the note `empty` on standard error."""
        table = new_table(columns)
        for row in rows:
            table.add_row(*(_cell(column, cell) for column, cell in zip(columns, row, strict=True)))
        if table.row_count:
            self.draw_table(table)
        else:
            self.note(empty)

    def draw_table(self, table: Table) -> None:
        """Print a table, as the result or a part of it."""
        if self.out.is_terminal:
            self.out.print(table)
            return
        with self.out.capture() as captured:
            self.out.print(table)
        self.out.file.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())

    def facts(self, facts: Mapping[str, str]) -> None:
        """Print the result as names and values, one per line."""
        width = max(map(len, facts))
        for name, value in facts.items():
            self.line(Text.assemble((f"{name:<{width}}", "dim"), "  ", plain(value)))

    def note(self, text: str) -> None:
        """Print a note about the result, on standard error."""
        self.err.print(Text(plain_lines(text), style="dim"), soft_wrap=not self.err.is_terminal)

    @contextmanager
    def when_stopped(self, text: str) -> Iterator[None]:
        """Print a note if Ctrl-C ends the block: what is kept, and how to go on."""
        try:
            yield
        except KeyboardInterrupt:
            self.note(text)
            raise

    def warn(self, text: str) -> None:
        """Print a warning, on standard error."""
        self._tell("Warning: ", text, style="bold yellow")

    def problem(self, text: str) -> None:
        """Print an error, on standard error."""
        self._tell("Error: ", text, style="bold red")

    def agreed(self, question: str) -> bool:
        """Ask a question on the terminal, on standard error; return True for y or yes."""
        try:
            answer = self.err.input(Text(f"{plain_lines(question)} [y/N] ", style="bold"))
        except (EOFError, UnicodeDecodeError):
            self.err.print()
            return False
        return answer.strip().lower() in {"y", "yes"}

    @contextmanager
    def counting(self, text: str, total: int | None) -> Iterator[Bar]:
        """Provide a progress bar that counts things, shown while the block runs."""
        with self._bar(text, total, MofNCompleteColumn()) as bar:
            yield bar

    @contextmanager
    def transfer(self, text: str, total: int | None) -> Iterator[Bar]:
        """Provide a progress bar that counts bytes, shown while the block runs."""
        with self._bar(text, total, DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()) as bar:
            yield bar

    @contextmanager
    def intake(self, text: str, total: int | None) -> Iterator[Bar]:
        """Provide a progress bar that counts bytes and records, shown while the block runs."""
        records = TextColumn("{task.fields[records]:,} records", markup=False)
        with self._bar(
            text, total, DownloadColumn(), records, TransferSpeedColumn(), TimeRemainingColumn(), records=0
        ) as bar:
            yield bar

    @contextmanager
    def live(self, drawing: RenderableType) -> Iterator[Live | None]:
        """Provide a drawing that can be updated while the block runs; None unless standard error is a terminal."""
        if not self.err.is_terminal:
            yield None
            return
        with Live(drawing, console=self.err, auto_refresh=False, transient=True) as live:
            yield live

    def _tell(self, word: str, text: str, *, style: str) -> None:
        # Line breaks are kept: a list of wrong settings has one setting per line.
        told = Text.assemble((word, style), plain_lines(text))
        self.err.print(told, soft_wrap=not self.err.is_terminal)

    @contextmanager
    def _bar(self, text: str, total: int | None, *columns: ProgressColumn, **fields: Any) -> Iterator[Bar]:
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
            yield Bar(progress, progress.add_task(plain(text), total=total, **fields))


def new_table(columns: Sequence[Column]) -> Table:
    """Return an empty table in the one style of all tables."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", collapse_padding=True)
    for column in columns:
        # In rich, a column that may not wrap may not become narrower either.
        table.add_column(column.name, justify="right" if column.right else "left", no_wrap=column.whole)
    return table


class _HarmlessConsole(Console):
    """A console that writes rich's own control characters and escapes all others."""

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
