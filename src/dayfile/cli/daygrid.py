"""The drawing of a job: one cell per day, one row per month, so that a year fits on a screen."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Final

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dayfile.cli.controls import plain
from dayfile.model.day import Day
from dayfile.model.job import Status
from dayfile.model.quantity import count_text

if TYPE_CHECKING:
    from dayfile.client.answers import RemoteJob

# Each status has its own sign as well as its colour, for terminals without colours.
_CELLS: Final[dict[str, tuple[str, str]]] = {
    Status.SUBMITTED.value: ("·", "dim"),
    Status.RUNNING.value: ("▸", "bold cyan"),
    Status.ERROR_DURING_RUN.value: ("!", "bold yellow"),
    Status.COMPLETED.value: ("■", "green"),
    Status.COMPLETED_EMPTY_RECORDS.value: ("□", "green"),
    Status.FAILED.value: ("x", "bold red"),
    Status.RUNNING_TO_BE_DELETED.value: ("-", "yellow"),
    Status.DELETED_BY_USER_REQUEST.value: ("-", "dim"),
}
_UNKNOWN_CELL: Final = ("?", "dim")
_WORDS: Final[dict[str, str]] = {
    Status.SUBMITTED.value: "waiting",
    Status.RUNNING.value: "running",
    Status.ERROR_DURING_RUN.value: "to be tried again",
    Status.COMPLETED.value: "completed",
    Status.COMPLETED_EMPTY_RECORDS.value: "empty",
    Status.FAILED.value: "failed",
    Status.RUNNING_TO_BE_DELETED.value: "being deleted",
    Status.DELETED_BY_USER_REQUEST.value: "deleted",
}
_BAR_WIDTH = 31  # as many cells as the longest month


def draw_job(job: RemoteJob) -> RenderableType:
    """Draw the progress of a job: a bar, a cell for each day, and a legend."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_row(Text("days", style="dim"), _bar(job), Text(f"{job.finished} of {len(job.days)}"))
    for month, cells in _months(job):
        table.add_row(Text(month, style="dim"), cells, Text(""))
    title = Text(headline(job), style="bold", no_wrap=True, overflow="ellipsis")
    return Group(title, table, _legend(job))


def headline(job: RemoteJob) -> str:
    """Return the sid, resource type, days and name of a job, on one line."""
    name = f" “{plain(job.friendly_name)}”" if job.friendly_name else ""
    return (
        f"{plain(job.sid)}  {plain(job.resource_type or 'records')}  {range_text(job.days.first, job.days.last)}{name}"
    )


def range_text(first: Day, last: Day) -> str:
    """Return a range of days as the command line takes it."""
    return str(first) if first == last else f"{first}..{last}"


def counts_text(job: RemoteJob) -> str:
    """Return the days of a job by status, in words: 8 completed, 2 empty."""
    known = [status for status in _WORDS if job.counts[status]]
    others = sorted(job.counts.keys() - _WORDS.keys())
    counted = ", ".join(f"{job.counts[status]} {_WORDS.get(status, plain(status))}" for status in [*known, *others])
    return counted or count_text(len(job.days), "day")


def _bar(job: RemoteJob) -> ProgressBar:
    return ProgressBar(total=len(job.days), completed=job.finished, width=_BAR_WIDTH)


def _months(job: RemoteJob) -> Iterator[tuple[str, Text]]:
    if not job.statuses:
        return  # the server counts days and does not name them
    for month, days in groupby(job.days, key=lambda day: str(day)[:7]):
        row = list(days)
        cells = Text(" " * (row[0].date.day - 1))
        for day in row:
            cells.append(*_CELLS.get(job.statuses.get(day, ""), _UNKNOWN_CELL))
        yield month, cells


def _legend(job: RemoteJob) -> Text:
    legend = Text()
    for status, word in _WORDS.items():
        if count := job.counts[status]:
            legend.append(*_CELLS[status])
            legend.append(f" {count} {word}   ", style="dim")
    if job.position and not job.is_over:
        legend.append(f"position {plain(str(job.position))} in the queue", style="dim")
    return legend
