"""The last step of a restore, and of a move: a copied database gets the place in which it makes an instance."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

from dayfile.errors import Conflict
from dayfile.files import disk, private
from dayfile.files.storage import BLOCK_BYTES
from dayfile.objects.backup_target import OnStep
from dayfile.store.database import Database
from dayfile.store.database_copy import fill
from dayfile.store.database_url import file_of
from dayfile.store.opening import check_absent


def put_in_place(copy: Path, url: str, *, on_step: OnStep) -> None:
    """Make the database at a URL out of a copy in a file, all of it or nothing.

    Raises Conflict if there is one, also if it came this moment; StorageUnavailable or DatabaseUnavailable if there is
    no room for it.
    """
    place = file_of(url)
    if place is None:
        with closing(Database.connect(url)) as database:
            fill(database, copy, on_step=lambda done, whole: on_step("Filling the database", done, whole))
        return
    check_absent(url)
    draft, doing = place.with_name(f".{place.name}.restoring"), f"write {place}"
    with disk.reported(doing):
        private.make_folder(place.parent)
        draft.unlink(missing_ok=True)
    try:
        _write(copy, draft, doing)
        with disk.reported(doing):
            disk.publish(draft, place)
            disk.sync_folder(place.parent)
    except FileExistsError as error:
        raise Conflict(
            f"there is {place} since this moment: another process has made an instance there, or restores one. It is "
            "left as it is"
        ) from error
    finally:
        disk.discard([draft])


def _write(copy: Path, draft: Path, doing: str) -> None:
    with disk.reported(doing):
        made, _ = disk.create(draft)
        with made, copy.open("rb") as source:
            os.fchmod(made.fileno(), 0o600)
            while block := source.read(BLOCK_BYTES):
                disk.write(made, block, doing)
            os.fsync(made.fileno())
