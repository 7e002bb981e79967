"""Two peers of the intake, as somebody might write them in an afternoon on the same stack.

`file` unpacks a body, appends it to a file and syncs it. Nothing is read, so it is the most that this HTTP server, this
disk and gzip allow. `sqlite` parses every line and inserts it by its sid, one commit a request: what the records need
to be of any use, the usual way.

    python bench/intake_peer.py file|sqlite FOLDER   (bench/intake.py starts it)
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse

Keep = Callable[[bytes], None]


def into_file(folder: Path) -> Keep:
    """Append and sync."""
    descriptor = os.open(folder / "records", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def keep(body: bytes) -> None:
        os.write(descriptor, body)
        os.fsync(descriptor)

    return keep


def into_sqlite(folder: Path) -> Keep:
    """Parse and insert, as durable as Dayfile's database."""
    connection = sqlite3.connect(folder / "records.sqlite", check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(
        "CREATE TABLE record (sid TEXT PRIMARY KEY, account TEXT, created TEXT, updated TEXT, line BLOB) WITHOUT ROWID"
    )
    connection.execute("CREATE INDEX record_day ON record (account, created)")
    lock = threading.Lock()

    def keep(body: bytes) -> None:
        rows = []
        for line in body.splitlines():
            record = json.loads(line)
            rows.append((record["sid"], record["account_sid"], record["date_created"], record["date_updated"], line))
        with lock, connection:
            connection.executemany(
                "INSERT INTO record VALUES (?, ?, ?, ?, ?) ON CONFLICT (sid) DO UPDATE SET "
                "updated = excluded.updated, line = excluded.line WHERE excluded.updated >= updated",
                rows,
            )

    return keep


def app_of(keep: Keep) -> Any:
    """An ASGI app that keeps bodies, in threads."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        body = await request.body()
        if request.headers.get("content-encoding") == "gzip":
            body = await run_in_threadpool(gzip.decompress, body)
        await run_in_threadpool(keep, body)
        await PlainTextResponse("kept")(scope, receive, send)

    return app


def main(kind: str, folder: Path) -> None:
    """Serve on a free port, which is printed."""
    config = uvicorn.Config(
        app_of({"file": into_file, "sqlite": into_sqlite}[kind](folder)), log_config=None, lifespan="off"
    )
    listening = config.bind_socket()
    print(f"ready: http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["file", "sqlite"])
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    main(options.kind, options.folder)
