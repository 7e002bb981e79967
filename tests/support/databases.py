"""The databases that a whole instance runs on, as a parameter of its stories."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.state import a_sqlite_url

DATABASES = ("sqlite", "postgresql")


def a_database_url(kind: str, folder: Path, *, like: str | None = None) -> str:
    """The URL of a database of this kind that nobody else uses: SQLite in the folder, or one of a PostgreSQL server.

    On PostgreSQL it is a copy of the one at the URL `like`, if there is one; SQLite's file is copied as its folder is.
    """
    if kind == "sqlite":
        return a_sqlite_url(folder)
    from tests.support.postgres import a_postgres_url  # noqa: PLC0415 - only tests that need it load it

    return a_postgres_url(like=like) if like else a_postgres_url()


def drop_database(url: str) -> None:
    """Give up the database of an instance that is closed: a file goes with its folder, PostgreSQL's is dropped."""
    if not url.startswith("sqlite"):
        from tests.support.postgres import drop_postgres_database  # noqa: PLC0415 - as above

        drop_postgres_database(url)


@contextmanager
def a_new_database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of such a database for as long as the block runs."""
    url = a_database_url(kind, folder)
    yield url
    drop_database(url)
