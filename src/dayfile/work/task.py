"""Tasks: the forms in which heavy work travels to another machine and its outcome comes back.

A task names objects, accounts and sizes; no path, no credential and no code. It is read by a process of the same
version only, which the outcome says in words that any version can read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from dayfile.checks.object_reading import ObjectBatch, read_objects
from dayfile.errors import (
    Corrupt,
    DayfileError,
    EngineUnavailable,
    NotFound,
    StorageUnavailable,
    Unusable,
)
from dayfile.files.workplace import Workplace
from dayfile.model.day import Day
from dayfile.model.resource import ResourceType, parse_resource_type
from dayfile.sealing.examine import Unsound, examine
from dayfile.sealing.execution import Executed, execute_piece
from dayfile.sealing.piece import Piece


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    work: Callable[..., Any]
    of: Any  # type of its value
    gives: Any  # type of its outcome


_KINDS: Final = {
    "seal": _Kind(work=execute_piece, of=Piece, gives=Executed),
    "examine": _Kind(work=examine, of=Piece, gives=Unsound),
    "read": _Kind(work=read_objects, of=ObjectBatch, gives=list[int]),
}
_NAMES: Final = {kind.work: name for name, kind in _KINDS.items()}
_ERRORS: Final = {kind.__name__: kind for kind in (Corrupt, EngineUnavailable, NotFound, StorageUnavailable, Unusable)}


_NOTHING: Final = msgspec.Raw(msgspec.msgpack.encode(None))


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of work on its way."""

    kind: str
    value: msgspec.Raw


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
    return msgspec.msgpack.encode(Task(kind=_NAMES[work], value=_encoded(value)))


def perform(data: bytes, *, at: Workplace, host: str) -> bytes:
    """Do the work of a task, whatever becomes of it, and return its outcome as bytes."""
    try:
        task = msgspec.msgpack.decode(data, type=Task)
        kind = _KINDS[task.kind]
        value = kind.work(_decoded(task.value, kind.of), at=at)
        outcome = Outcome(host=host, value=_encoded(value))
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
        return _decoded(outcome.value, _KINDS[_NAMES[work]].gives)
    except (msgspec.MsgspecError, TypeError) as error:
        raise EngineUnavailable(f"a worker has answered what this version cannot read: {error}") from error


def _failure(error: Exception, host: str) -> Outcome:
    cause = error if isinstance(error, OSError) else error.__cause__
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


def _encoded(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(value, enc_hook=_plain))


def _decoded(data: msgspec.Raw, kind: Any) -> Any:
    return msgspec.msgpack.decode(data, type=kind, dec_hook=_rich)


def _plain(value: object) -> str:
    if isinstance(value, ResourceType | Day):
        return str(value)
    raise TypeError(f"a {type(value).__name__} does not travel")


def _rich(kind: type, value: Any) -> Any:
    if kind is ResourceType:
        return parse_resource_type(value)
    if kind is Day:
        return Day.parse(value)
    raise TypeError(f"a {kind.__name__} does not travel")
