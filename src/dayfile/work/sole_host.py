"""The rule that what is in files belongs to one machine: a SQLite database, and objects in a folder.

It is asked at each start of a server or worker, and goes by what can be known: by the file system, and by the workers
that others have seen. Commands are not asked, so that an instance can be moved away from where it may not be.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final

from dayfile.clock import Clock
from dayfile.errors import Unusable
from dayfile.files.network_disk import MOUNTS, network_file_system
from dayfile.model.seen_worker import GONE_AFTER, SeenWorker
from dayfile.store.database import Database

_SECOND: Final = timedelta(seconds=1)
_MOVE: Final = "`dayfile move` brings an instance there"


def check_host(host: str, *, database: Database, objects: Path | None, clock: Clock, mounts: Path = MOUNTS) -> None:
    """Raise Unusable, with the way out, if this host may not work on the instance.

    `host` is the name of this one, `objects` the folder of the object storage, if it is one.
    """
    if database.file is not None:
        _check_disk(database.file, mounts)
    elif objects is None or network_file_system(objects, mounts=mounts):
        return  # all of it is where every host finds it
    other = _other(host, database, clock)
    if other is None:
        return
    seen = f"worker {other.name}, {max(0, (clock.now() - other.seen_at) // _SECOND)} seconds ago"
    what = f"the database is the SQLite file {database.file}" if database.file else f"the objects are in {objects}"
    needs = "PostgreSQL and a bucket" if database.file else "a bucket"
    raise Unusable(
        f"another host works on this instance ({seen}), and {what}, which is for one machine only: stop Dayfile there, "
        f"or here. Several hosts need {needs}: set DAYFILE_DATABASE_URL and DAYFILE_STORAGE_URL; {_MOVE}. If that "
        f"worker was killed, start again {GONE_AFTER // _SECOND} seconds after it was seen"
    )


def _check_disk(file: Path, mounts: Path) -> None:
    kind = network_file_system(file, mounts=mounts)
    if kind is not None:
        raise Unusable(
            f"the database {file} is on a network file system ({kind}), which does not keep the locks of SQLite: "
            "records would be lost. Have DAYFILE_DATA_DIR, or DAYFILE_DATABASE_URL, name a local disk, or take "
            f"PostgreSQL; {_MOVE}, also from where it is now"
        )


def _other(host: str, database: Database, clock: Clock) -> SeenWorker | None:
    """Return a worker of another machine that runs; None if there is none, as far as it is known.

    Containers of one machine have names of their own, and its boot in common.
    """
    with database.snapshot() as tx:
        workers, mark = tx.workers.all(), tx.clock_marks.find()
    if mark is not None and mark.boot_id == clock.reading().boot_id:
        return None
    now = clock.now()
    return next((worker for worker in workers if worker.host != host and worker.is_running(now)), None)
