"""One execution of a piece. Others may be made of the same piece, at the same time or long after: on a cluster, a task
whose machine was taken for dead is given to another one, and the dead may wake up.

So each execution takes a number, by an object that only one can create, and has keys of its own. The seal takes the
rows of one of them; objects with the numbers of the others are garbage, whenever they come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from dayfile.errors import Corrupt, EngineUnavailable
from dayfile.files.storage import Storage
from dayfile.files.workplace import Workplace
from dayfile.model.export import NewSealedDay
from dayfile.objects.layout import execution_key, rows_key, sealed_prefix
from dayfile.sealing.piece import Piece, seal_piece

MOST_EXECUTIONS: Final = 4
"""The executions that are made of a piece at most: as many as Dask gives a task whose workers die."""

MOST_ROWS: Final = 10_000
"""The rows that an execution returns at most; more of them go through the object storage."""

_UNIQUE_DIGITS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """The outcome of one execution: its rows, or the key of the object that has them."""

    sealed: tuple[NewSealedDay, ...]
    number: int | None = None  # None: nobody else executes the piece
    rows_key: str | None = None


def execute_piece(piece: Piece, *, at: Workplace) -> Executed:
    """Seal a piece; raises what `seal_piece` does, and EngineUnavailable if it was begun too often."""
    if at.shared is None:
        return Executed(sealed=tuple(seal_piece(piece, at=at)))
    number = _take_number(piece, at.storage, own=at.shared.hex(_UNIQUE_DIGITS))
    # Where a storage cannot refuse a key that is taken, two have one number, and still no key in common.
    unique = execution_mark(piece.unique, number) + at.shared.hex(_UNIQUE_DIGITS)
    sealed = seal_piece(replace(piece, unique=unique), at=at)
    if len(sealed) <= MOST_ROWS:
        return Executed(sealed=tuple(sealed), number=number)
    key = rows_key(sealed_prefix(piece.resource_type, piece.day), unique)
    at.storage.put(key, [msgspec.msgpack.encode(sealed)])
    return Executed(sealed=(), number=number, rows_key=key)


def rows_of(executed: Executed, storage: Storage) -> Sequence[NewSealedDay]:
    """Return the rows of an execution; raises NotFound, StorageUnavailable, Corrupt."""
    if executed.rows_key is None:
        return executed.sealed
    try:
        data = b"".join(storage.read(executed.rows_key))
        return msgspec.msgpack.decode(data, type=list[NewSealedDay])
    except msgspec.MsgspecError as error:
        raise Corrupt(f"{executed.rows_key} does not hold rows: {error}") from error


def execution_mark(unique: str, number: int) -> str:
    """Return the text in the keys of all objects of one execution of the piece, and in no others."""
    return f"{unique}e{number}-"


def number_key(piece: Piece, number: int) -> str:
    """Return the key of the object that says that a number of an execution is taken."""
    return execution_key(sealed_prefix(piece.resource_type, piece.day), execution_mark(piece.unique, number))


def _take_number(piece: Piece, storage: Storage, *, own: str) -> int:
    """Take the lowest number that is free; `own` is unlike that of any other, else a store would take two for one."""
    for number in range(1, MOST_EXECUTIONS + 1):
        try:
            storage.put(number_key(piece, number), [own.encode()])
        except FileExistsError:
            continue
        return number
    raise EngineUnavailable(
        f"a piece of {piece.resource_type} of {piece.day} was begun {MOST_EXECUTIONS} times and never finished: "
        "look at the logs of the workers that have died"
    )
