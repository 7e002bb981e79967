"""The way in: the walks of docs/architecture.md name files and functions that are there, one after the other."""

from __future__ import annotations

import ast

import pytest

from tools import figures

LEGS = {"work/worker.py", "delivery/transports.py", "cli/notices.py", "console/status.py", "delivery/replay.py"}
"""Files that begin a new leg of a walk: they find what the leg before has left in the database, or are handed in."""

MOST_FILES = {"a record, from its POST to its line in a day file": 40, "a job, from its POST to its webhook": 27}


def steps() -> list[tuple[str, str, list[str]]]:
    """Walk, file and names of each step."""
    return [(walk, step.path, step.names) for walk, found in figures.walks().items() for step in found]


def test_there_are_three_walks() -> None:
    """A record, a job, a notice."""
    assert [walk.split(",")[0] for walk in figures.walks()] == ["a record", "a job", "a notice that fails"]


@pytest.mark.parametrize(("walk", "path", "names"), steps())
def test_each_step_is_there(walk: str, path: str, names: list[str]) -> None:
    """Of a file, the classes and functions, and those of its classes."""
    tree = figures.tree(figures.PACKAGE / path)
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    assert set(names) <= {node.name for node in ast.walk(tree) if isinstance(node, kinds)}, walk


@pytest.mark.parametrize("walk", figures.walks())
def test_a_walk_follows_the_imports(walk: str) -> None:
    """Each file is imported by one that comes before it, or by what gives a transaction its tables, or begins a leg."""
    seen = {figures.PACKAGE / "store/transaction.py"}
    for number, step in enumerate(figures.walks()[walk]):
        path = figures.PACKAGE / step.path
        known = {imported for before in seen for imported in figures.imports(before)}
        assert not number or step.path in LEGS or path in known or path in seen, step.path
        seen.add(path)


@pytest.mark.parametrize(("walk", "most"), MOST_FILES.items())
def test_a_walk_is_short(walk: str, most: int) -> None:
    """A stranger can read it in an afternoon."""
    assert len({step.path for step in figures.walks()[walk]}) <= most
