"""The pieces of a seal: cut by accounts, executed wherever the engine does that, and believed only as far as is safe.

Another machine may have another storage than it should, or memory that errs. So the objects that it says it has made
are looked for here before anything is deleted, and what it says is damaged is examined here before anything is held.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Final

from dayfile.errors import Corrupt, EngineUnavailable, NotFound
from dayfile.files.storage import Storage
from dayfile.files.workplace import Engine, Workplace
from dayfile.model.export import NewSealedDay
from dayfile.sealing.cut import cut
from dayfile.sealing.examine import Unsound, examine
from dayfile.sealing.execution import (
    MOST_EXECUTIONS,
    Executed,
    execute_piece,
    execution_mark,
    number_key,
    rows_of,
)
from dayfile.sealing.piece import Piece

_ASKED_AT_ONCE: Final = 16
_SAME_STORAGE: Final = "does DAYFILE_STORAGE_URL name the same storage in the environment of all workers?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The files of a seal, and what else its commit has to dispose of."""

    sealed: Sequence[NewSealedDay] = ()
    lost: tuple[str, ...] = ()  # texts in the keys of objects that count for nothing, whenever they are written
    spent: tuple[str, ...] = ()  # keys of objects that were of use until now


class Pieces:
    """The execution of pieces, here or elsewhere."""

    def __init__(self, engine: Engine, here: Workplace, *, cut_bytes: int | None) -> None:
        """Take the engine; with `cut_bytes` it is that of other machines, each piece about so much text."""
        self._engine = engine
        self._here = here
        self._cut_bytes = cut_bytes

    def seal(self, piece: Piece) -> Made:
        """Execute a piece, cut into as many as are worth it.

        Raises what `execute_piece` does, and EngineUnavailable for an engine that does not do it.
        """
        if self._cut_bytes is None:
            return Made(sealed=self._engine.submit(execute_piece, piece).result().sealed)
        ranges = cut(piece, self._here.storage, cut_bytes=self._cut_bytes)
        pieces = [replace(one, unique=f"{piece.unique}p{number}") for number, one in enumerate(ranges)]
        made = [self._made(*one) for one in zip(pieces, self._executed(pieces), strict=True)]
        return Made(
            sealed=[sealed for one in made for sealed in one.sealed],
            lost=tuple(mark for one in made for mark in one.lost),
            spent=tuple(key for one in made for key in one.spent),
        )

    def given_up(self, piece: Piece) -> tuple[str, ...]:
        """Return the texts in the keys of all that executions of a failed piece have made, or are still making."""
        return () if self._cut_bytes is None else (f"{piece.unique}p",)

    def examine(self, piece: Piece, *, after: Exception) -> Unsound:
        """Return the damaged inputs of a piece that has failed with an error.

        Raises StorageUnavailable, and EngineUnavailable if the error, or the damage, is one of another machine only.
        """
        found: Unsound = self._engine.submit(examine, piece).result()
        if self._cut_bytes is None:
            return found
        if found:
            return self._confirmed(piece, found)
        if isinstance(after, Corrupt | NotFound):
            raise EngineUnavailable(f"{after}; and all that is to be sealed is whole: {_SAME_STORAGE}") from after
        return found

    def _executed(self, pieces: Sequence[Piece]) -> list[Executed]:
        running: list[Future[Executed]] = []
        try:
            running += (self._engine.submit(execute_piece, piece) for piece in pieces)
            wait(running, return_when=FIRST_EXCEPTION)
            failed = [one for one in running if one.done() and one.exception() is not None]
            return [one.result() for one in (*failed, *running)]
        finally:
            for one in running:
                one.cancel()

    def _made(self, piece: Piece, executed: Executed) -> Made:
        sealed = rows_of(executed, self._here.storage)
        _look_for(sealed, self._here.storage)
        if executed.number is None:
            return Made(sealed=sealed)
        others = (number for number in range(1, MOST_EXECUTIONS + 1) if number != executed.number)
        rows = () if executed.rows_key is None else (executed.rows_key,)
        return Made(
            sealed=sealed,
            lost=tuple(execution_mark(piece.unique, number) for number in others),
            spent=(number_key(piece, executed.number), *rows),
        )

    def _confirmed(self, piece: Piece, found: Unsound) -> Unsound:
        """Return what is found damaged here, too; raises EngineUnavailable if nothing is."""
        segments, files = {one.id for one in found.segments}, {one.former.account for one in found.files}
        suspected = replace(
            piece,
            segments=tuple(one for one in piece.segments if one.id in segments),
            formers=tuple(one for one in piece.formers if one.account in files),
        )
        confirmed = examine(suspected, at=self._here)
        if not confirmed:
            said = [f"{one.key}: {one.reason}" for one in found.segments] + [
                f"{one.key}: {one.reason}" for one in found.files
            ]
            raise EngineUnavailable(
                f"a worker says of objects that are whole here that they are damaged ({said[0]}): {_SAME_STORAGE}"
            )
        return confirmed


def _look_for(sealed: Sequence[NewSealedDay], storage: Storage) -> None:
    """Raise EngineUnavailable unless all objects of files are in this storage, as large as they should be."""
    sizes: Counter[str] = Counter()
    for one in sealed:
        sizes[one.pack_key or one.key] += one.size_bytes

    def has_all_of_it(key: str) -> bool:
        try:
            return storage.size(key) == sizes[key]
        except NotFound:
            return False

    with ThreadPoolExecutor(_ASKED_AT_ONCE if storage.is_remote else 1) as pool:
        for key, is_there in zip(sizes, pool.map(has_all_of_it, sizes), strict=True):
            if not is_there:
                raise EngineUnavailable(
                    f"a worker says that it has stored {key}, and it is not in this storage, or not with this size: "
                    f"{_SAME_STORAGE}"
                )
