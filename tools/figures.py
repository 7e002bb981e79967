"""The figures of the house: how many files there are, how small and how lonely, and how their docstrings begin.

    python tools/figures.py [--json]

A file is lonely if it has fewer than 60 lines and exactly one other file imports it: it may belong there. A docstring
begins well with a verb or a noun; the words that begin a free relative clause ("What", "Those", ...) are counted, since
whoever reads one has to wait for its verb. The walks are those that docs/architecture.md lists.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent
SOURCE: Final = ROOT / "src"
PACKAGE: Final = SOURCE / "dayfile"

SMALL_LINES: Final = 80
LONELY_LINES: Final = 60
FREE_RELATIVES: Final = frozenset(
    {"what", "how", "whether", "those", "whoever", "whatever", "where", "as", "who", "whose", "when", "which", "that"}
)

_WALK = re.compile(r"^### Walk: (?P<name>.+)$", re.MULTILINE)
_STEP = re.compile(r"`(?P<path>[\w/]+\.py)(?::\s(?P<names>[\w.,\s]+))?`")


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print them as one JSON object")
    options = parser.parse_args()
    figures = measured()
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        print(f"{value if isinstance(value, int) else len(value):>6}  {name}")


def measured() -> dict[str, int | list[str]]:
    """Return each figure by its name: a number, or the names that are counted."""
    files = sources()
    importers = Counter(imported for path in files for imported in set(imports(path)))
    begun = Counter(first_word(docstring) for path in files for docstring in docstrings(path))
    figures: dict[str, int | list[str]] = {
        "source files": len(files),
        f"of fewer than {SMALL_LINES} lines": sum(lines(path) < SMALL_LINES for path in files),
        f"of fewer than {LONELY_LINES} lines, imported by one": [
            shown(path) for path in files if lines(path) < LONELY_LINES and importers[path] == 1
        ],
        "docstrings": begun.total(),
        "that begin a free relative clause": sum(count for word, count in begun.items() if word in FREE_RELATIVES),
    }
    walked = {name: list(dict.fromkeys(step.path for step in steps)) for name, steps in walks().items()}
    return figures | {f"files of the walk of {name}": paths for name, paths in walked.items()}


@cache
def sources() -> list[Path]:
    """Return all files of the product that are read as a story: no migrations, no empty ones."""
    found = (path for path in sorted(PACKAGE.rglob("*.py")) if "migrations" not in path.parts)
    return [path for path in found if path.read_text(encoding="utf-8").strip()]


def lines(path: Path) -> int:
    """Return how many lines a file has."""
    return len(path.read_text(encoding="utf-8").splitlines())


def shown(path: Path) -> str:
    """Return a file as the documents name it, from the package on."""
    return str(path.relative_to(PACKAGE))


@cache
def tree(path: Path) -> ast.Module:
    """Return a file, parsed."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[Path]:
    """Return the files of the product that a file imports, at its head or within a function."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from _files([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)])
        elif isinstance(node, ast.Import):
            yield from _files([alias.name for alias in node.names])


def _files(modules: list[str]) -> Iterator[Path]:
    for module in modules:
        path = SOURCE.joinpath(*module.split(".")).with_suffix(".py")
        if path.is_relative_to(PACKAGE) and path.is_file():
            yield path


def docstrings(path: Path) -> Iterator[str]:
    """Return the docstrings of a file, its classes and its functions, and those below a name."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value.strip()


def first_word(docstring: str) -> str:
    """Return the first word of a docstring, in lower case; none ("") if it begins with something else."""
    found = re.match(r"[A-Za-z]+", docstring)
    return found[0].lower() if found else ""


class Step(NamedTuple):
    """A step of a walk: a file, from the package on, and the classes and functions to look at in it."""

    path: str
    names: list[str]


@cache
def walks() -> dict[str, list[Step]]:
    """Return the steps of each walk of docs/architecture.md, in their order."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    _, *parts = _WALK.split(text)
    return {
        name: [
            Step(step["path"], (step["names"] or "").replace(",", " ").split())
            for step in _STEP.finditer(body.partition("\n#")[0])
        ]
        for name, body in zip(parts[::2], parts[1::2], strict=True)
    }


if __name__ == "__main__":
    main()
