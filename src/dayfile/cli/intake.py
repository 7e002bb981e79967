"""The operator's command that accepts records from files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from dayfile.cli import instance
from dayfile.cli.controls import plain
from dayfile.cli.exit_codes import Outcome, outcome_of
from dayfile.cli.input_files import check_input, opened, source_of, total_bytes
from dayfile.cli.options import JsonOption, TypeArgument, screen_of
from dayfile.cli.terminal import Column, Screen
from dayfile.errors import DayfileError, Invalid
from dayfile.model.quantity import count_text
from dayfile.model.resource import ResourceType

if TYPE_CHECKING:
    from dayfile.intake.file import FileReceipt
    from dayfile.model.receipt import Refusal

_KEPT = "Records that were accepted before are kept"
_GO_ON = "Run the same command again to go on from there."
_SHOWN_REFUSALS = 10
_MOST_PROCESSES = 6  # that read: the one that cuts a file into lines and commits what is read keeps up with no more


def _check_files(files: list[str]) -> list[str]:
    """Check all files before the first one is read; return them."""
    return [check_input(name) for name in files]


FilesArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE...",
        help="Files or pipes of JSON lines, or of one JSON array; plain, gzip or zstd. - is standard input.",
        callback=_check_files,
        show_default=False,
    ),
]


def intake(
    ctx: typer.Context,
    *,
    resource_type: TypeArgument,
    files: FilesArgument,
    as_json: JsonOption = False,
) -> None:
    """Accept records from files.

    Run it again with the same files within a day to resume where it stopped. Lines that are not accepted are kept: see
    `dayfile rejections`. Exit code 1 if there are any.
    """
    screen = screen_of(ctx)
    receipts = _take_in(screen, resource_type, files)
    if as_json:
        screen.json([_as_json(name, receipt) for name, receipt in receipts])
    else:
        _show(screen, receipts)
    if any(receipt.rejected for _, receipt in receipts):
        raise typer.Exit(Outcome.FAILED)


def _take_in(screen: Screen, resource_type: ResourceType, files: Sequence[str]) -> list[tuple[str, FileReceipt]]:
    """Return the names of the files with their receipts; end the command at the first file that fails."""
    receipts = []
    from dayfile.intake.reader_pool import ReaderPool

    with (
        instance.opened(screen) as service,
        ReaderPool(_processes()) as pool,
        screen.intake("Taking in", total_bytes(files)) as bar,
        screen.when_stopped(f"Stopped. {_KEPT}. {_GO_ON}"),
    ):
        from dayfile.intake.file import FileIntake

        taking = FileIntake(service.intake, pool=pool)
        for name in files:
            bar.describe(name)
            try:
                with opened(name) as stream:
                    receipt = taking.run(
                        stream,
                        resource_type,
                        source=source_of(name),
                        on_progress=bar.from_here(),
                        on_records=bar.records_from_here(),
                    )
            except DayfileError as error:
                screen.problem(f"{source_of(name)}: {error}")
                screen.note(_what_is_kept(error))
                raise typer.Exit(outcome_of(error)) from error
            receipts.append((source_of(name), receipt))
    return receipts


def _processes() -> int:
    """Return the number of processes that read: one for each core, none on a single one, where they only cost."""
    from dayfile.work.engine import cores

    return min(cores(), _MOST_PROCESSES) if cores() > 1 else 0


def _what_is_kept(error: DayfileError) -> str:
    if isinstance(error, Invalid):
        return f"{_KEPT}. Correct this and run the same command again to go on from there."
    return f"{_KEPT}. {_GO_ON}"


def _show(screen: Screen, receipts: Sequence[tuple[str, FileReceipt]]) -> None:
    columns = (
        Column("FILE"),
        Column("ACCEPTED", right=True, whole=True),
        Column("REJECTED", right=True, whole=True),
        Column("TAKEN BEFORE"),
    )
    rows = ((name, receipt.accepted, receipt.rejected, _repeated_text(receipt)) for name, receipt in receipts)
    screen.table(columns, rows, empty="")
    rejected = sum(receipt.rejected for _, receipt in receipts)
    if not rejected:
        return
    screen.warn(f"{count_text(rejected, 'line')} not accepted, and kept. See them with: dayfile rejections list")
    named = [(name, refusal) for name, receipt in receipts for refusal in receipt.refusals]
    for name, refusal in named[:_SHOWN_REFUSALS]:
        screen.note(plain(f"  {name}:{refusal.line_number}  {_reason(refusal)}"))
    if rejected > _SHOWN_REFUSALS:
        screen.note(f"  and {count_text(rejected - _SHOWN_REFUSALS, 'more line')}")


def _repeated_text(receipt: FileReceipt) -> str:
    """Return how much of the file an earlier run had accepted: "-", "all" or "3 of 5 parts"."""
    if not receipt.repeated:
        return "-"
    return "all" if receipt.repeated == receipt.chunks else f"{receipt.repeated} of {receipt.chunks} parts"


def _reason(refusal: Refusal) -> str:
    return f"{refusal.field}: {refusal.reason}" if refusal.field else refusal.reason


def _as_json(name: str, receipt: FileReceipt) -> dict[str, object]:
    return {
        "file": name,
        "accepted": receipt.accepted,
        "rejected": receipt.rejected,
        "parts": receipt.chunks,
        "parts_taken_before": receipt.repeated,
        "rejections": [
            {"line": refusal.line_number, "field": refusal.field, "reason": refusal.reason}
            for refusal in receipt.refusals
        ],
    }
