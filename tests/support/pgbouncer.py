"""A real PgBouncer in front of a server: each transaction gets whichever session is free."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import make_url

from tests.support.postgres_server import PASSWORD, ROLE, PostgresServer

SESSIONS = 3
"""Sessions of the server that all clients share."""

_PORT = 6432  # only in the name of its socket


@contextmanager
def pgbouncer_before(server: PostgresServer, url: str) -> Iterator[str]:
    """Run PgBouncer in front of a server; the URL of a database of it, by PgBouncer. Skips where there is none."""
    program = shutil.which("pgbouncer")
    if program is None:
        pytest.skip("there is no pgbouncer here")
    folder = server.own_folder("pool")
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        f"""
        [databases]
        * = host={server.folder}
        [pgbouncer]
        pool_mode = transaction
        default_pool_size = {SESSIONS}
        unix_socket_dir = {folder}
        listen_port = {_PORT}
        auth_type = plain
        auth_file = {folder}/users
        """.replace("        ", "")
    )
    (folder / "users").write_text(f'"{ROLE}" "{PASSWORD}"\n')
    command = [program, *(["-u", server.user] if server.user else []), str(configuration)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any("process up" in line for line in process.stderr), "it ended before it was up"
        try:
            parts = make_url(url).update_query_dict({"host": str(folder), "port": str(_PORT)})
            yield parts.render_as_string(hide_password=False)
        finally:
            process.kill()
