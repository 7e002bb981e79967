"""Client for one account of any BulkExports server, not only this one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dayfile.client.download import Downloaded, Downloader, Progress
from dayfile.client.server import AnyDay, Server, Type, day_of, range_of, type_of
from dayfile.client.sync import Silent, Sync, SyncedDay, Watcher, alone_in
from dayfile.model.resource import ResourceType


class Client(Server):
    """One login on one server. Close it, or use it in a `with` block.

    Every method may raise Unauthorized, Forbidden, TooManyRequests, Transient (the server cannot be reached or cannot
    answer now) and NotBulkExports (another kind of server); further errors are named where they can be raised. Reads,
    and batches of records, are repeated a few times if the server is unavailable or busy. Other writes are not.
    """

    def download(
        self, resource_type: Type, day: AnyDay, folder: Path | str, *, on_progress: Progress | None = None
    ) -> Downloaded:
        """Download a day's file to a folder, which is made if need be.

        `on_progress` is called with the bytes that have arrived and their total, which is None if it is unknown.

        Raises NotFound if the day is not published, Transient if the connection keeps breaking (what has arrived is
        kept, and resumed by the next call), Corrupt if what arrives is repeatedly not what the server's hash says, or
        if the file is damaged on the server.
        """
        Path(folder).mkdir(parents=True, exist_ok=True)
        downloader = Downloader(self, Path(folder))
        return downloader.download(type_of(resource_type), day_of(day), progress=on_progress or _ignore)

    def sync(
        self,
        resource_types: Type | Sequence[Type],
        start: AnyDay,
        end: AnyDay | None = None,
        *,
        folder: Path | str,
        watcher: Watcher | None = None,
    ) -> list[SyncedDay]:
        """Have the files of all days from `start` to `end` in a folder; return the outcome of each, by type and day.

        Days that are not published are asked for with jobs, which are waited for. Raises Transient if the server stays
        away, or if another sync is running in the folder: sync again later, and it goes on from there.
        """
        names = [resource_types] if isinstance(resource_types, ResourceType | str) else resource_types
        Path(folder).mkdir(parents=True, exist_ok=True)
        with alone_in(Path(folder)):
            syncing = Sync(self, Downloader(self, Path(folder)), watcher=watcher or Silent())
            return syncing.run([type_of(name) for name in names], range_of(start, end))


def _ignore(amount: int, total: int | None) -> None:
    """Do nothing with the progress of a download."""
