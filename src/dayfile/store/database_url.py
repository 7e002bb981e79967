"""URLs of state databases: what they may name, and how they are shown."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from dayfile.errors import Unusable

_POSTGRESQL: Final = "postgresql+psycopg"
_SPELLINGS: Final = frozenset({"postgres", "postgresql", _POSTGRESQL})
_EXAMPLES: Final = "sqlite:////var/lib/dayfile/dayfile.sqlite or postgresql://USER:PASSWORD@HOST/DATABASE"


def full_url(text: str) -> str:
    """Return a URL with its driver; raises Unusable unless it names a database that can be spoken to."""
    return parse_url(text).render_as_string(hide_password=False)


def parse_url(text: str) -> URL:
    """Return the parts of a URL, with its driver; raises Unusable as `full_url` does."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise Unusable(f"the database URL must be one such as {_EXAMPLES}") from error
    if url.drivername in {"sqlite", "sqlite+pysqlite"}:
        if not url.database or url.database == ":memory:":
            raise Unusable("the database URL must name a SQLite file: one in memory would lose every record")
        return url
    if url.drivername not in _SPELLINGS:
        raise Unusable(f"the database URL must begin with sqlite:/// or postgresql://, not {url.drivername}")
    if not url.database:
        raise Unusable("the database URL must name a database after its host: postgresql://USER:PASSWORD@HOST/DATABASE")
    return _with_driver(url.set(drivername=_POSTGRESQL))


def file_of(url: str) -> Path | None:
    """Return the file of the SQLite database at a URL; None for PostgreSQL. Raises Unusable as `full_url` does."""
    return file_in(parse_url(url))


def file_in(url: URL) -> Path | None:
    """Return the file of a parsed SQLite URL; None for PostgreSQL's."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def shown_url(url: str) -> str:
    """Return a URL as it may be shown: without its password and its driver, which nobody asked for."""
    shown = make_url(url)
    for name in ("password", "sslpassword"):  # PostgreSQL takes them among the options, too
        if name in shown.query:
            shown = shown.update_query_dict({name: "***"})
    if shown.drivername == _POSTGRESQL:
        shown = shown.set(drivername="postgresql")
    return shown.render_as_string(hide_password=True)


def _with_driver(url: URL) -> URL:
    try:
        url.get_dialect().import_dbapi()
        import_module("greenlet")  # for `pipelined_readings.py`
    except ImportError as error:
        raise Unusable(
            "the database is PostgreSQL, and this installation lacks what speaks to it: "
            "run `pip install 'dayfile[postgresql]'`"
        ) from error
    return url
