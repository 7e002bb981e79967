"""PostgreSQL that cannot be used: a start says why, which setting it is about, and what to do; never a password."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from dayfile.errors import DatabaseUnavailable, DatabaseUnwritable, Unusable
from dayfile.opening import Access, find_instance
from dayfile.service import Service
from dayfile.settings import Settings
from dayfile.store.database import Database
from dayfile.store.postgres_engine import OLDEST, at_once, check_server
from tests.support.postgres_server import PASSWORD, ROLE, SLOTS, PostgresServer
from tests.support.state import KEY_TEXT


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of this module."""
    server = PostgresServer(Path(tempfile.mkdtemp(prefix="dayfile-")))
    yield server
    server.stop()


def _settings(folder: Path, url: str, **others: object) -> Settings:
    return Settings.read(_env_file=None, data_dir=folder, database_url=url, **{"secret_key": KEY_TEXT, **others})


def test_a_start_makes_the_instance_in_an_empty_database_and_finds_it_again(
    server: PostgresServer, tmp_path: Path
) -> None:
    """A role that owns its database needs no other right; the place that is named has no password in it."""
    settings = _settings(tmp_path, server.a_database())
    Service.open(settings).close()
    assert settings.place.startswith(f"postgresql://{ROLE}:***@/dayfile_")
    assert PASSWORD not in repr(settings)
    with closing(find_instance(settings, Access.READ, pause=at_once).database) as database, database.snapshot() as tx:
        assert tx.accounts.count() == 0
    assert not settings.key_file.exists()


REFUSED: dict[str, tuple[Callable[[PostgresServer], str], str]] = {
    "wrong password": (
        lambda server: server.url("postgres", password="hunter3"),
        "user and password in DAYFILE_DATABASE_URL must be those of the role",
    ),
    "no database": (
        lambda server: server.url("nowhere"),
        "create the role, or the database, that DAYFILE_DATABASE_URL names",
    ),
    "no server": (
        lambda _: f"postgresql://{ROLE}:{PASSWORD}@127.0.0.1:1/dayfile",
        "have DAYFILE_DATABASE_URL name the host and port at which it is",
    ),
    "no right": (
        lambda server: server.url("postgres"),
        "its role must own the database",
    ),
    "encoding": (
        lambda server: server.a_database(options="TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'"),
        "has the encoding LATIN1, and Dayfile needs UTF8",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_start_says_what_is_wrong_and_what_to_do(kind: str, server: PostgresServer, tmp_path: Path) -> None:
    """The text of a driver alone says what it met, and not which setting to look at."""
    url, words = REFUSED[kind]
    settings = _settings(tmp_path, url(server))
    with pytest.raises(Unusable, match=words) as refused:
        Service.open(settings)
    assert f"(DAYFILE_DATABASE_URL is postgresql://{ROLE}:***@" in str(refused.value)
    assert PASSWORD not in str(refused.value)
    assert "hunter3" not in str(refused.value)


def test_what_the_driver_says_in_several_lines_is_one_sentence_before_what_to_do(tmp_path: Path) -> None:
    """Each address once, and not the driver's question in the middle of ours."""
    settings = _settings(tmp_path, f"postgresql://{ROLE}:{PASSWORD}@/dayfile?host=127.0.0.1:1&host=127.0.0.1:2")
    with pytest.raises(Unusable) as refused:
        Service.open(settings)
    told = [f'connection to server at "127.0.0.1", port {port} failed: Connection refused' for port in (2, 1)]
    begins = (
        f"the state database cannot be used right now: {', and '.join(told)}; start it, or have DAYFILE_DATABASE_URL"
    )
    assert str(refused.value).startswith(begins)


def test_an_old_server_is_refused_by_its_version(server: PostgresServer) -> None:
    """Records do not belong on a server that its developers no longer mend and nobody here has tried."""
    with closing(Database.connect(server.a_database())) as database, database.looked_into() as connection:
        check_server(connection)
        connection.dialect.server_version_info = (OLDEST - 1, 9)
        with pytest.raises(Unusable, match=rf"PostgreSQL {OLDEST - 1}\.9, and Dayfile needs {OLDEST} or newer"):
            check_server(connection)


def test_a_database_of_a_newer_dayfile_is_left_alone(server: PostgresServer, tmp_path: Path) -> None:
    """An older process could only harm it."""
    settings = _settings(tmp_path, server.a_database())
    Service.open(settings).close()
    server.run("UPDATE alembic_version SET version_num = '9999'", database=str(make_url(settings.database).database))
    with pytest.raises(Unusable, match="was made by a newer version of Dayfile"):
        Service.open(settings)


def test_the_key_is_a_setting_and_the_same_for_all(server: PostgresServer, tmp_path: Path) -> None:
    """Each host would make a key of its own, and no login would work on the next host."""
    url = server.a_database()
    with pytest.raises(Unusable, match=r"DAYFILE_SECRET_KEY: is needed with PostgreSQL.*`openssl rand -hex 32`"):
        _settings(tmp_path, url, secret_key=None)
    Service.open(_settings(tmp_path, url)).close()
    with pytest.raises(Unusable, match="Set DAYFILE_SECRET_KEY to that key, the same on every host"):
        Service.open(_settings(tmp_path, url, secret_key="7c" * 32))


def test_a_url_to_listen_at_is_for_postgresql(tmp_path: Path) -> None:
    """It would do nothing, where somebody expects that it does."""
    with pytest.raises(Unusable, match="DAYFILE_DATABASE_LISTEN_URL: is for PostgreSQL"):
        Settings.read(_env_file=None, data_dir=tmp_path, database_listen_url="postgresql://u@h/d")


def test_a_process_takes_no_more_connections_than_it_may_and_says_when_it_waits_in_vain(
    server: PostgresServer,
) -> None:
    """A dozen processes must fit into a server's hundred connections, at their busiest moment too."""
    with closing(Database.connect(server.a_database(), connections=2)) as database, ExitStack() as held:
        database.engine.pool._timeout = 0  # type: ignore[attr-defined]
        for _ in range(2):
            held.enter_context(closing(database.engine.raw_connection()))
        with (
            pytest.raises(DatabaseUnavailable, match="DAYFILE_DATABASE_CONNECTIONS"),
            database.transaction(),
        ):
            pass


def test_a_server_without_free_connections_is_waited_for_and_then_named(
    server: PostgresServer,
) -> None:
    """Another process may give one back at any moment; if none does, the message says what to change."""
    url = server.a_database()
    pauses: list[float] = []
    with closing(Database.connect(url, pause=pauses.append)) as database, ExitStack() as held:
        for _ in range(SLOTS):
            held.enter_context(psycopg.connect(url))
        with pytest.raises(DatabaseUnavailable, match=r"no connection left, .*lower that"), database.transaction():
            pass
        assert 10 < sum(pauses) < 20
        held.close()
        with database.transaction():
            pass


def test_a_server_that_has_become_read_only_is_connected_to_anew(server: PostgresServer) -> None:
    """The old server still reads after a failover; sessions with it would be kept, and refuse every write."""
    url = server.a_database()
    name = make_url(url).database
    server.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with closing(Database.connect(url)) as database:

        def write() -> None:
            with database.transaction() as tx:
                tx._connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS written (it int)")

        with pytest.raises(DatabaseUnwritable, match="name the primary server"):
            write()
        server.run(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        write()
