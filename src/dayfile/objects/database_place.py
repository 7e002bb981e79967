"""The last step of a restore, and of a move: a copied database gets the place in which it makes an instance."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

from dayfile.errors import Conflict, InFlight, StorageUnavailable
from dayfile.files import disk, private
from dayfile.files.storage import BLOCK_BYTES
from dayfile.objects.backup_target import OnStep
from dayfile.store.database import Database
from dayfile.store.database_copy import fill
from dayfile.store.database_url import file_of
from dayfile.store.file_lock import locked
from dayfile.store.opening import check_absent


def _nothing() -> None:
    pass


def check_place(url: str, *, to_do: str | None = None) -> None:
    """Raise for a place in which no database can be made: what has taken hours would be of no use then.

    Raises Conflict if there is something in it, with `to_do`; StorageUnavailable or DatabaseUnavailable if it cannot be
    written, Unusable for a server that Dayfile does not work with.
    """
    check_absent(url, to_do=to_do)
    place = file_of(url)
    if place is not None:
        folder = next(folder for folder in place.parents if folder.exists())
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise StorageUnavailable(f"{place} cannot be made: {folder} is no folder, or may not be written")


def put_in_place(copy: Path, url: str, *, check: Callable[[], None] = _nothing, on_step: OnStep) -> None:
    """Make the database at a URL out of a copy in a file, all of it or nothing. `check` may raise just before it is.

    Raises Conflict if there is one, also if it came this moment; InFlight while another process makes one there;
    StorageUnavailable or DatabaseUnavailable if there is no room for it.
    """
    place = file_of(url)
    if place is None:
        with closing(Database.connect(url)) as database:
            fill(database, copy, check=check, on_step=partial(on_step, "Filling the database"))
        return
    check_absent(url)
    draft, doing = place.with_name(f".{place.name}.restoring"), f"write {place}"
    with disk.reported(doing):
        private.make_folder(place.parent)
    try:
        with _alone_with(draft, place):
            _write(copy, draft, doing)
            check()
            with disk.reported(doing):
                disk.publish(draft, place)
                disk.sync_folder(place.parent)
    except FileExistsError as error:
        raise Conflict(
            f"there is {place} since this moment: another process has made an instance there, or restores one. It is "
            "left as it is"
        ) from error


@contextmanager
def _alone_with(draft: Path, place: Path) -> Iterator[None]:
    """Hold a draft, so that no two processes write it; it is gone when the block ends."""
    with ExitStack() as held:
        with disk.reported(f"write {place}"):
            try:
                held.enter_context(locked(draft, wait=False))
            except BlockingIOError as error:
                raise InFlight(f"another process is about to make {place} this moment", retry_after=5) from error
        held.callback(disk.discard, [draft])
        yield


def _write(copy: Path, draft: Path, doing: str) -> None:
    # What a process has left there that was killed is overwritten.
    with disk.reported(doing), draft.open("wb", buffering=0) as made, copy.open("rb") as source:
        os.fchmod(made.fileno(), 0o600)
        while block := source.read(BLOCK_BYTES):
            disk.write(made, block, doing)
        os.fsync(made.fileno())
