from __future__ import annotations

import io

from rich.console import Console

from dayfile.cli.daygrid import counts_text, draw_job, headline
from dayfile.client.answers import RemoteJob, read_job
from dayfile.model.job import Status


def a_job(*groups: tuple[str, list[str]], start: str = "2026-09-29", end: str = "2026-10-02") -> RemoteJob:
    """A job as its server shows it."""
    details = [{"status": status, "count": len(days), "days": days} for status, days in groups]
    answer = {
        "job_sid": "JS" + "1" * 32,
        "start_day": start,
        "end_day": end,
        "friendly_name": "quarter\x1b[2J",
        "resource_type": "Calls",
        "job_queue_position": "3",
        "details": details,
    }
    return read_job(answer)


def drawn(job: RemoteJob) -> list[str]:
    """The lines that a terminal without colours shows."""
    console = Console(file=io.StringIO(), width=100, no_color=True)
    console.print(draw_job(job))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_every_day_stands_below_its_date() -> None:
    """A year fits a screen as twelve rows, and one sees at once which days are missing."""
    done, running, failed = ["2026-09-29", "2026-10-01"], ["2026-09-30"], ["2026-10-02"]
    lines = drawn(a_job(("Completed", done), ("Running", running), ("Failed", failed)))
    september, october = (next(line for line in lines if line.startswith(month)) for month in ("2026-09", "2026-10"))
    assert september.rstrip().endswith(" " * 28 + "■▸")
    assert october.split()[1] == "■x"


def test_statuses_are_told_without_colours() -> None:
    """On a terminal without them, and to eyes without some of them."""
    days = [f"2026-10-{number:02}" for number in range(1, len(Status) + 1)]
    job = a_job(*((status.value, [day]) for status, day in zip(Status, days, strict=True)), start=days[0], end=days[-1])
    cells = next(line for line in drawn(job) if line.startswith("2026-10 ")).split()[1]
    assert len(cells) == len(Status)
    assert len(set(cells)) == len(Status) - 1  # the two that are deleted look alike


def test_a_server_that_only_counts_is_shown_by_its_counts() -> None:
    """Old answers name no days; the bar and the words are still true."""
    job = read_job({**a_job().answer, "details": [{"status": "Completed", "count": 3, "days": None}]})
    lines = drawn(job)
    assert "3 of 4" in lines[1]
    assert counts_text(job) == "3 completed"


def test_the_position_is_shown_as_long_as_the_job_waits() -> None:
    """Somebody who waits wants to know for how many others."""
    assert "position 3 in the queue" in drawn(a_job(("Submitted", ["2026-09-29"])))[-1]


def test_a_name_cannot_clear_the_screen() -> None:
    """Friendly names are other people's text."""
    assert headline(a_job()).endswith(r"2026-09-29..2026-10-02 “quarter\x1b[2J”")
