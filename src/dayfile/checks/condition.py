"""The condition of an instance: whether it can work, and how it is beyond that.

The page, `/readyz`, `dayfile status` and the metrics all take it from here, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dayfile.checks.vitals import Level, Sign, Vitals
from dayfile.errors import Transient


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """The condition of an instance at one moment. `database` and `storage` are None if they answer, else the reason."""

    database: str | None
    storage: str | None
    signs: tuple[Sign, ...]  # those that can be looked up

    @property
    def is_ready(self) -> bool:
        """True if the instance can work."""
        return self.database is None and self.storage is None

    @property
    def status(self) -> str:
        """The condition in a word: ok, degraded, or unavailable."""
        if not self.is_ready:
            return "unavailable"
        return "ok" if self.level is Level.OK else "degraded"

    @property
    def level(self) -> Level:
        """The level of the worst sign."""
        return max(sign.level for sign in self.all_signs)

    @property
    def all_signs(self) -> tuple[Sign, ...]:
        """The signs, after those of the database and the storage."""
        return _answers("database", self.database), _answers("storage", self.storage), *self.signs


def condition_of(vitals: Vitals | None, *, database: Callable[[], object], storage: Callable[[], object]) -> Condition:
    """Look at an instance; `database` and `storage` raise a Transient error if they do not answer.

    Without vitals, nothing else is looked up: for those who may not see it.
    """
    signs = () if vitals is None else _signs(vitals)
    return Condition(database=_trouble(database), storage=_trouble(storage), signs=signs)


def _signs(vitals: Vitals) -> tuple[Sign, ...]:
    try:
        return tuple(vitals.signs())
    except Transient:  # the database is away: what needs none
        return (vitals.space(),)


def _trouble(probe: Callable[[], object]) -> str | None:
    try:
        probe()
    except Transient as error:
        return str(error)
    return None


def _answers(name: str, trouble: str | None) -> Sign:
    return Sign(name=name, level=Level.BAD if trouble else Level.OK, text=trouble or "answers")
