"""The schema and its versions: forward only, each migration in one transaction."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection

from dayfile.errors import Unusable
from dayfile.store.database import Database
from dayfile.store.tables import accounts, exports, instance, notices, records, sealing

FAMILIES = (accounts, exports, instance, notices, records, sealing)
"""Every table there is: a family's tables are known once it is imported."""


def migrate(database: Database) -> None:
    """Bring the database to this version's schema, creating it where there is none; safe to run from many processes.

    Raises Unusable when the database was made by a newer Dayfile, which this one could only harm.
    """
    with database.exclusively() as connection:
        if version(connection) != newest():
            config = _config()
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise Unusable(
                    "the state database was made by a newer version of Dayfile than this one: "
                    "install that version again, or restore the backup taken before it"
                ) from error


def version(connection: Connection) -> str | None:
    """The schema version that the database has; None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def newest() -> str | None:
    """The schema version that this Dayfile has."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    return config
