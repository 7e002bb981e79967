"""The move of an instance to another place, as the database knows it that is left.

A database that is left is closed: triggers of its own refuse every write, whichever process it is of, also one that
began before, that nobody has seen or that is older. So what is copied from it is one moment, however long that takes,
and no process goes on in the old place beside the new one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Engine, event, select

from dayfile.errors import Conflict, LostClaim, Unusable
from dayfile.store.driver_errors import CLOSED, CLOSED_STATE, is_refusal, is_undecodable, moved, undecodable
from dayfile.store.instance import Instance
from dayfile.store.tables.instance import instance as facts
from dayfile.store.tables.metadata import metadata

DEPARTURE: Final = "departure"
"""The fact of a database that is closed: where the instance goes, and how far it is."""

_EVENTS: Final = ("INSERT", "UPDATE", "DELETE")
_REFUSE: Final = "refuse_closed"


class Stage(StrEnum):
    """The stages of a move."""

    OBJECTS = "objects"  # they are copied, and nothing exists in the new place
    DATABASE = "database"  # all objects are there
    MAKING = "making"  # the database is being made there, and may be there
    DONE = "done"  # the instance is in the new place


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """A move that has begun: where the instance goes, without passwords; None for what stays where it is."""

    id: str
    database: str | None
    storage: str | None
    begun_at: str
    stage: Stage = Stage.OBJECTS
    runner: str = ""  # the process that goes on with it

    @property
    def where(self) -> str:
        """The new place, in words."""
        return " and ".join(place for place in (self.database, self.storage) if place)

    @property
    def told(self) -> str:
        """The message to those who open what is closed."""
        if self.stage is Stage.DONE:
            named = {"DAYFILE_DATABASE_URL": self.database, "DAYFILE_STORAGE_URL": self.storage}
            settings = " and ".join(f"{name}={place}" for name, place in named.items() if place)
            return (
                f"this instance has moved to {self.where}: set {settings}. What is here is closed, and is as it was "
                "when the move began"
            )
        return (
            f"this instance is on its way to {self.where} since {self.begun_at}, and nothing is written here: run "
            "`dayfile move` again as before to go on, or `dayfile move --reopen` to stay here"
        )


class Departures:
    """The departure of an instance, within one transaction; there is at most one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self) -> Departure | None:
        """Return the departure of an instance that moves or has moved; None for one that is open."""
        return _departure(self._connection)

    def begin(self, departure: Departure) -> None:
        """Close the database: from the commit on, nobody writes to any table but the one of facts.

        Raises Conflict if it is closed already.
        """
        text = _encoded(departure)
        if Instance(self._connection).settle(DEPARTURE, text) != text:
            raise Conflict("another process has begun to move this instance this moment: leave it to that one")
        for statement in _closing(self._connection.dialect.name):
            self._connection.exec_driver_sql(statement)

    def check(self, departure: Departure, *, is_locked: bool = True) -> None:
        """Raise LostClaim unless it is this one, as far as this.

        With `is_locked`, it stays so until this transaction ends; a snapshot cannot have that.
        """
        if _departure(self._connection, is_locked=is_locked) != departure:
            raise given_up()

    def note(self, was: Departure, departure: Departure) -> None:
        """Note how far it is now; raises LostClaim as `check` does."""
        self.check(was)
        Instance(self._connection).replace(DEPARTURE, _encoded(departure))

    def end(self) -> None:
        """Open the database again; one that is open stays so."""
        reopen(self._connection)


def reopen(connection: Connection) -> None:
    """Open a database again in the transaction of a connection; one that is open stays so."""
    for statement in _opening(connection.dialect.name):
        connection.exec_driver_sql(statement)
    Instance(connection).drop(DEPARTURE)


def check_open(connection: Connection) -> None:
    """Raise Unusable, with the way out, for a database that is closed."""
    departure = _departure(connection)
    if departure is not None:
        raise Unusable(departure.told)


def name_refusals(engine: Engine) -> None:
    """Have statements that a closed database refuses raise Moved, and not what a constraint raises.

    Those that meet a text which is not UTF-8 raise DamagedRow.
    """
    event.listen(engine, "handle_error", _name_refusal)


def _name_refusal(context: Any) -> None:
    error = context.original_exception
    if is_refusal(error):
        raise moved() from error
    if is_undecodable(error):
        raise undecodable() from None


def given_up() -> LostClaim:
    """Return the error for a process whose move is no longer its own."""
    return LostClaim(
        "this move was given up (`dayfile move --reopen`), or another process goes on with it: it ends here. `dayfile "
        "status` says where the instance is"
    )


def _encoded(departure: Departure) -> str:
    return msgspec.json.encode(asdict(departure)).decode()


def _departure(connection: Connection, *, is_locked: bool = False) -> Departure | None:
    query = select(facts.c.value).where(facts.c.name == DEPARTURE)
    text = connection.execute(query.with_for_update() if is_locked else query).scalar_one_or_none()
    return None if text is None else msgspec.json.decode(text, type=Departure)


def _closing(dialect: str) -> Iterator[str]:
    tables = [table.name for table in metadata.sorted_tables if table is not facts]
    if dialect == "postgresql":
        yield from _opening(dialect)
        raising = f"RAISE EXCEPTION USING MESSAGE = '{CLOSED}', ERRCODE = '{CLOSED_STATE}'"
        yield f"CREATE FUNCTION {_REFUSE}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {raising}; END $$"
        for table in tables:
            yield (
                f"CREATE TRIGGER closed BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION {_REFUSE}()"
            )
        return
    for table in tables:
        for what in _EVENTS:
            yield (
                f"CREATE TRIGGER IF NOT EXISTS closed_{what.lower()}_{table} BEFORE {what} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{CLOSED}'); END"
            )


def _opening(dialect: str) -> Iterator[str]:
    if dialect == "postgresql":
        yield f"DROP FUNCTION IF EXISTS {_REFUSE}() CASCADE"  # and all triggers with it
        return
    for table in metadata.sorted_tables:
        for what in _EVENTS:
            yield f"DROP TRIGGER IF EXISTS closed_{what.lower()}_{table.name}"
