"""A session of PostgreSQL, outside the pool, on which one process hears of work that others have for it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from dayfile.errors import DatabaseUnavailable
from dayfile.store.database_url import parse_url
from dayfile.store.postgres_engine import NETWORK

if TYPE_CHECKING:
    from types import TracebackType

    from psycopg import Connection

CHANNEL: Final = "dayfile"


class Listening:
    """One session that listens. What is told before it begins, or after it breaks, is not heard."""

    def __init__(self, session: Connection) -> None:
        self._session = session

    @classmethod
    def begin(cls, url: str) -> Self:
        """Connect to the database at a URL, past any pooler, and listen; raises DatabaseUnavailable."""
        import psycopg

        parsed = parse_url(url)
        _, options = parsed.get_dialect()().create_connect_args(parsed)
        try:
            session = psycopg.connect(autocommit=True, **{**NETWORK, **options})
            session.execute(f"LISTEN {CHANNEL}".encode())
        except psycopg.Error as error:
            raise DatabaseUnavailable(f"nobody can wake this process: {' '.join(str(error).split())}") from error
        return cls(session)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(Exception):
            self._session.close()

    def heard(self, *, within_seconds: float) -> list[str]:
        """Wait until something is told, and return it; nothing if the time passes. Raises DatabaseUnavailable."""
        import psycopg

        try:
            return [one.payload for one in self._session.notifies(timeout=within_seconds, stop_after=1)]
        except psycopg.Error as error:
            raise DatabaseUnavailable(f"the session that listens broke: {' '.join(str(error).split())}") from error
