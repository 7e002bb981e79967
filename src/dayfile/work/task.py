"""Tasks: the forms in which heavy work travels to another machine and its outcome comes back.

A task names objects, accounts and sizes; no path, no credential and no code. It is read by a process of the same
version only; another one refuses it in words that every version can read. An outcome holds values only, so that no
worker gets anything executed where it is awaited.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from dayfile.checks.object_reading import read_objects
from dayfile.errors import (
    Corrupt,
    DayfileError,
    EngineUnavailable,
    NotFound,
    StorageUnavailable,
    Unusable,
)
from dayfile.files.workplace import Workplace
from dayfile.sealing.examine import Unsound, examine
from dayfile.sealing.execution import Executed, execute_piece


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    work: Callable[..., Any]
    gives: Any  # type of its outcome


_KINDS: Final = {
    "seal": _Kind(work=execute_piece, gives=Executed),
    "examine": _Kind(work=examine, gives=Unsound),
    "read": _Kind(work=read_objects, gives=list[int]),
}
_NAMES: Final = {kind.work: name for name, kind in _KINDS.items()}
_ERRORS: Final = {kind.__name__: kind for kind in (Corrupt, EngineUnavailable, NotFound, StorageUnavailable, Unusable)}


_NOTHING: Final = msgspec.Raw(msgspec.msgpack.encode(None))


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a task. Its first two fields are never changed: another version reads them, too."""

    refusal: str = ""  # the reason why nothing was tried
    host: str = ""
    value: msgspec.Raw = _NOTHING
    error: str = ""  # name of the type
    message: str = ""
    errno: int | None = None  # of the error of the system behind it


def pack(work: Callable[..., Any], value: object) -> bytes:
    """Return a task as bytes."""
    return pickle.dumps((_NAMES[work], value))


def perform(data: bytes, *, at: Workplace, host: str) -> bytes:
    """Do the work of a task, whatever becomes of it, and return its outcome as bytes."""
    try:
        name, value = pickle.loads(data)  # noqa: S301 - who may send tasks may send code: a scheduler executes it
        done = msgspec.msgpack.encode(_KINDS[name].work(value, at=at))
        outcome = Outcome(host=host, value=msgspec.Raw(done))
    except Exception as error:  # noqa: BLE001 - it travels, and is raised where somebody waits
        outcome = _failure(error, host)
    return msgspec.msgpack.encode(outcome)


def refuse(reason: str, *, host: str) -> bytes:
    """Return the outcome of a task that was not tried, as bytes."""
    return msgspec.msgpack.encode(Outcome(refusal=reason, host=host))


def refusal_in(data: bytes) -> str:
    """Return the reason why a task was not tried; empty if it was."""
    return msgspec.msgpack.decode(data, type=Outcome).refusal


def unpack(data: bytes, work: Callable[..., Any]) -> Any:
    """Return what the work has given, or raise what it has raised; raises EngineUnavailable if it was not tried."""
    try:
        outcome = msgspec.msgpack.decode(data, type=Outcome)
        if outcome.refusal:
            raise EngineUnavailable(outcome.refusal)
        if outcome.error:
            raise _raised(outcome)
        return msgspec.msgpack.decode(outcome.value, type=_KINDS[_NAMES[work]].gives)
    except (msgspec.MsgspecError, TypeError) as error:
        raise EngineUnavailable(f"a worker has answered what this version cannot read: {error}") from error


def _failure(error: Exception, host: str) -> Outcome:
    cause = error.__cause__ if isinstance(error, DayfileError) else error
    return Outcome(
        host=host,
        error=next((name for name, kind in _ERRORS.items() if isinstance(error, kind)), type(error).__name__),
        message=str(error),
        errno=cause.errno if isinstance(cause, OSError) else None,
    )


def _raised(outcome: Outcome) -> Exception:
    """Return the error that a worker has met, with the same type as far as anybody here would ask for it."""
    message = f"{outcome.message} (on the worker {outcome.host})"
    system = None if outcome.errno is None else OSError(outcome.errno, outcome.message)
    if outcome.error not in _ERRORS:
        return system or RuntimeError(f"{outcome.error}: {message}")
    error: DayfileError = _ERRORS[outcome.error](message)
    error.__cause__ = system
    return error
