"""Files that commands read: regular ones, pipes such as `<(zcat FILE)`, and standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import typer

_STDIN: Final = frozenset({"-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})


def check_input(name: str) -> str:
    """Return the name of something that can be read; raises BadParameter for a folder, or if nothing has that name."""
    path = Path(name)
    if name in _STDIN:
        return name
    if path.is_dir():
        raise typer.BadParameter(f"{name} is a folder: name the files in it")
    if not path.exists():
        raise typer.BadParameter(f"there is no file {name}")
    return name


def source_of(name: str) -> str:
    """Return the name as it is shown and kept."""
    # A file name need not be valid text, but the stored source must be.
    return "standard input" if name in _STDIN else name.encode(errors="backslashreplace").decode()


def total_bytes(names: Sequence[str]) -> int | None:
    """Return the size of all files together; None if a pipe or standard input, whose size is unknown, is among them."""
    if any(name in _STDIN or not Path(name).is_file() for name in names):
        return None
    return sum(Path(name).stat().st_size for name in names)


@contextmanager
def opened(name: str) -> Iterator[BinaryIO]:
    """Open a file to read its bytes; standard input stays open at the end."""
    if name in _STDIN:
        yield sys.stdin.buffer
        return
    with Path(name).open("rb") as stream:
        yield stream
