"""docs/compat.md is what the tests prove: nothing is claimed there that no test names, and the reverse."""

from __future__ import annotations

import re

from tests.compat.installed import CLIENTS
from tests.compat.test_operations import DEFECTS, OPERATIONS
from tests.conftest import ROOT

DOCUMENT = (ROOT / "docs" / "compat.md").read_text(encoding="utf-8")
ENTRIES = [int(number) for number in re.findall(r"^- \*\*compat-(\d+)\*\*", DOCUMENT, flags=re.MULTILINE)]

RELATIONS = ("same", "differs", "open")
GRADES = ("documented", "specification", "clients' source", "observed", "custom", "decided")


def _named_by_tests() -> set[int]:
    return {
        int(number)
        for path in (ROOT / "tests").rglob("test_*.py")
        for numbers in re.findall(r"mark\.compat\(([\d, ]+)\)", path.read_text(encoding="utf-8"))
        for number in numbers.split(",")
    }


def test_every_entry_is_named_by_a_test_and_every_number_in_a_test_is_an_entry() -> None:
    """A claim without a test is a hope, and a test for a claim that is gone keeps what nobody wants any more."""
    assert _named_by_tests() == set(ENTRIES)


def test_numbers_are_kept_and_never_given_twice() -> None:
    """People quote them in their own code; new entries take the next number, wherever they stand."""
    assert sorted(ENTRIES) == list(range(1, len(ENTRIES) + 1))


def test_every_entry_says_how_it_relates_to_twilio_and_how_we_know() -> None:
    """A difference that was seen and one that was decided are not worth the same to a reader who builds on it."""
    told = re.findall(r"^- \*\*compat-(\d+)\*\* \*(\w+):\s+(.*?)\.\*\s", DOCUMENT, flags=re.MULTILINE | re.DOTALL)
    assert [int(number) for number, _, _ in told] == ENTRIES
    assert {relation for _, relation, _ in told} <= set(RELATIONS)
    assert [number for number, _, source in told if not any(grade in source for grade in GRADES)] == []


def test_the_table_of_clients_has_the_cells_that_the_tests_run() -> None:
    """Nine operations, each with every client: works, or the entry that tells which defect of the client is in the
    way. What is asserted here is how the table must look."""
    header = ["operation", *CLIENTS]
    rows = [
        [
            f"`{operation}`",
            *(f"compat-{DEFECTS[cell]}" if (cell := (operation, name)) in DEFECTS else "works" for name in CLIENTS),
        ]
        for operation in OPERATIONS
    ]
    table = [_row(header), _row(["---"] * len(header)), *map(_row, rows)]
    assert "\n\n" + "\n".join(table) + "\n\n" in DOCUMENT, "\n".join(table)
    assert len(OPERATIONS) == 9


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
