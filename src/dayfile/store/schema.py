"""The schema and its versions: forward only, each migration in one transaction."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select

from dayfile.errors import Unusable
from dayfile.store.database import Database
from dayfile.store.departure import Departures, check_open
from dayfile.store.tables import accounts, exports, instance, notices, records, sealing

FAMILIES = (accounts, exports, instance, notices, records, sealing)
"""All families of tables: a family's tables are known once it is imported."""

_MIGRATIONS: Final = Path(__file__).with_name("migrations")
_ALEMBICS: Final = Table("alembic_version", MetaData(), Column("version_num", String(32)))


def migrate(database: Database) -> None:
    """Migrate the database to this version's schema, creating it if need be; safe to run from many processes.

    Raises Unusable if the database was made by a newer Dayfile, since this one could only harm it, and if it is closed.
    """
    with database.exclusively() as connection:
        found = version(connection)
        if found is not None:
            check_open(connection)
        if found != newest():
            make(connection)


def make(connection: Connection) -> None:
    """Make this version's schema, or migrate to it, in the transaction of a connection; raises as `migrate` does."""
    # Imported only here: it would take a third of every command's start, and nearly all find nothing to migrate.
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise Unusable(
            "the state database was made by a newer version of Dayfile than this one: "
            "install that version again, or restore the backup taken before it"
        ) from error


def is_there(database: Database) -> bool:
    """Return True if the database has tables of Dayfile, of whatever version, and is not another program's or empty."""
    with database.looked_into() as connection:
        return version(connection) is not None and inspect(connection).has_table(instance.instance.name)


def is_closed(connection: Connection) -> bool:
    """Return True if the database, which has tables of Dayfile, is closed, since its instance moves."""
    return Departures(connection).find() is not None


def check_version(database: Database) -> None:
    """Raise Unusable if the database, which is only read, does not have this version's schema, or is closed."""
    with database.looked_into() as connection:
        found = version(connection)
        if found is not None:
            check_open(connection)
    if found != newest():
        raise Unusable(
            "the state database has the schema of another version of Dayfile, and cannot be written: "
            "make its folder and its disk writable, then run the command again"
        )


def version(connection: Connection) -> str | None:
    """Return the schema version of the database; None if it is empty."""
    if not inspect(connection).has_table(_ALEMBICS.name):
        return None
    return connection.execute(select(_ALEMBICS.c.version_num)).scalar_one_or_none()


def newest() -> str:
    """Return the schema version of this Dayfile: that of its last migration, whose file name begins with it."""
    return max(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))
