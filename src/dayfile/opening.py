"""The opening of an instance: its folders, its database, and its key, which is made once, for a new instance only.

Every login and every secret in the database depends on the key with which the instance was made.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Final

from dayfile.errors import Absent, DatabaseUnavailable, StorageUnavailable, Unusable
from dayfile.files import key_file, private
from dayfile.files.private import Closed, Exposed
from dayfile.files.storage import Storage, is_there
from dayfile.files.storage_url import StorageUrl, url_in
from dayfile.files.storages import open_storage
from dayfile.model.secret import KEY_BYTES, InstanceKey, Randomness
from dayfile.objects.destination import Destination
from dayfile.objects.layout import SEALED, download_headers
from dayfile.settings import Settings
from dayfile.store.database import Database
from dayfile.store.database_url import file_of, full_url, shown_url
from dayfile.store.instance import REBUILDING, STORAGE
from dayfile.store.opening import find_closed_database, find_database, find_database_to_read, make_database
from dayfile.store.postgres_engine import Pause

_OBJECTS_TRIED: Final = 5
_ABSENT: Final = "there is no instance in {}: `dayfile init` makes one there. If yours is elsewhere, set {}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An instance whose database is open: whoever has it closes that."""

    database: Database
    key: InstanceKey
    is_new: bool  # it had no key before, and so none of its data
    permissions: Sequence[Closed | Exposed]  # of files that other users could reach until now, or still can


def make_instance(settings: Settings, *, randomness: Randomness, pause: Pause) -> Opened:
    """Open the instance that the settings describe, creating it on first start.

    Raises Unusable, with what to do, for a folder that cannot be used, a data folder of a newer version, a key
    that is missing or is not the one this instance was made with, or an object storage without its objects.
    """
    folders = settings.own_folders(file_of(settings.database))
    folders.make()
    permissions = folders.close()
    with _named_place(settings):
        database = make_database(settings.database, connections=settings.database_connections, pause=pause)
        with _closed_on_failure(database):
            key = _make_key(settings, database, randomness=randomness)
            is_new = _settle_key(database, key, is_shared=settings.is_shared)
            _check_whole(database)
            _note_storage(settings, database)
    return Opened(database=database, key=key, is_new=is_new, permissions=permissions)


class Access(Enum):
    """The ways in which a command opens the instance that there is."""

    WRITE = auto()
    READ = auto()  # only for reading, if its database cannot be written
    MOVE = auto()  # also if it is closed, since it moves


def find_instance(settings: Settings, access: Access, *, pause: Pause) -> Opened:
    """Open the instance of the settings, and make nothing; raises as `make_instance`, and Absent for none."""
    with _named_place(settings):
        finding = _FINDING[access]
        database = finding(settings.database, connections=settings.database_connections, pause=pause)
        if database is None:
            raise Absent(_ABSENT.format(settings.place, setting_of_place(settings)))
        with _closed_on_failure(database):
            key = _find_key(settings, database)
            if key is None:
                raise Absent(_ABSENT.format(settings.place, setting_of_place(settings)))
            _settle_key(database, key, is_shared=settings.is_shared)
            _check_whole(database)
            _check_not_left(settings, database)
            permissions = settings.own_folders(database.file).close()
    return Opened(database=database, key=key, is_new=False, permissions=permissions)


def setting_of_place(settings: Settings) -> str:
    """Return the name of the setting that says where the instance is."""
    return "DAYFILE_DATABASE_URL" if settings.is_shared else "DAYFILE_DATA_DIR"


def storage_of(settings: Settings, *, makes_folder: bool) -> Storage:
    """Return the object storage of the settings, which is asked nothing yet; raises Unusable."""
    return open_storage(
        settings.storage,
        ca_file=settings.ca_file,
        public_url=settings.storage_public_url,
        headers_of=download_headers,
        makes_folder=makes_folder,
    )


def check_sealed_files(settings: Settings) -> None:
    """Raise Absent if the object storage of the settings has no sealed files, and make nothing.

    Raises StorageUnavailable, too.
    """
    storage = storage_of(settings, makes_folder=False)
    if next(iter(storage.scan(SEALED)), None) is None:
        place = settings.storage.folder or settings.storage.text
        raise Absent(
            f"there are no sealed files in {place}, which is the object storage by these settings: if yours is "
            "elsewhere, set DAYFILE_STORAGE_URL, or DAYFILE_DATA_DIR to the folder with `objects` in it"
        )


def storage_at(place: str, settings: Settings, *, makes_folder: bool) -> Storage:
    """Return the storage of a folder, or of a URL, that is not the one of the settings.

    Raises Unusable, also for one that shares a folder with the instance.
    """
    url = _place_of(place)
    for own in (settings.data_dir, settings.storage.folder):
        if url.folder and own and _is_shared(url.folder, own):
            raise Unusable(
                f"{url.folder} shares a folder with the instance ({own.resolve()}): choose one apart, on another disk"
            )
    if url.folder is not None and makes_folder:
        try:
            private.make_folder(url.folder)
        except OSError as error:
            raise Unusable(f"{error.strerror}. Make it writable for this user, or choose another folder") from error
    if url.folder is None and url == settings.storage:
        raise Unusable(
            f"{url.text} is the object storage of the instance, since a process asks one store of a kind: choose "
            "another bucket or prefix. A bucket of the same name at another store can be filled from a backup in a "
            "folder, with that store's own tool"
        )
    return open_storage(
        url, ca_file=settings.ca_file, public_url=None, headers_of=_no_headers, makes_folder=makes_folder
    )


def key_text(settings: Settings) -> str | None:
    """Return the key of the instance as settings or data folder have it; None if they have none. Raises Unusable."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    return key_file.find(settings.key_file)


def place_key(settings: Settings, *, check_value: str, kept: Callable[[], str | None], randomness: Randomness) -> None:
    """Have an instance that is restored find its key, which settings, data folder or its backup have.

    The backup is asked, by `kept`, if the others have none. Raises Unusable, with what to do, for none and for another
    one, and what `kept` raises.
    """
    text = key_text(settings) or kept()
    if text is None:
        raise Unusable(
            "the key of the instance is not part of this backup, and every secret in it depends on that key: set "
            f"DAYFILE_SECRET_KEY to it, or put its secret.key file to {settings.key_file}"
        )
    if InstanceKey.parse(text).check_value() != check_value:
        raise Unusable(
            "the secret key is not the one of the instance in this backup: every login would fail. Set "
            "DAYFILE_SECRET_KEY to that one, or put its secret.key file into the data folder"
        )
    if settings.secret_key is None:
        settings.own_folders(None).make()
        key_file.read_or_make(settings.key_file, new=text, draft=randomness.hex(16))


def destination_of(settings: Settings, *, database: str | None, storage: str | None, makes_folder: bool) -> Destination:
    """Return the place of these URLs, to which the instance of the settings moves; the storage may be a folder.

    Raises Unusable for one that is no place, or that is where the instance is.
    """
    if not database and not storage:
        raise Unusable("there is nothing to move: give --to-database, --to-storage or both")
    url = database_at(database) if database else None
    if url == database_at(settings.database):
        raise Unusable(f"the database is in {shown_url(settings.database)} already: leave --to-database out")
    if not storage:
        return Destination(database=url, storage=None, storage_url=None)
    place, own = _place_of(storage), settings.storage.folder
    if place == settings.storage or (place.folder and own and _is_shared(place.folder, own)):
        raise Unusable(f"{place.text} is, or shares a folder with, the storage that the objects are in: name one apart")
    there = settings.model_copy(update={"storage_url": place.text, "storage_public_url": None})
    return Destination(database=url, storage=storage_of(there, makes_folder=makes_folder), storage_url=place.text)


def database_at(text: str) -> str:
    """Return the URL of a database as settings have it, whatever the working folder; raises Unusable as they do."""
    url = full_url(text)
    file = file_of(url)
    return url if file is None else f"sqlite:///{file.absolute()}"


def _place_of(text: str) -> StorageUrl:
    """Return the place of a storage that is given as a URL, or as a folder. Raises Unusable."""
    return StorageUrl.parse(text) if "://" in text else StorageUrl(scheme="file", folder=Path(text).absolute())


def _is_shared(folder: Path, other: Path) -> bool:
    """Return True if one of two folders is the other one, or in it."""
    one, two = folder.resolve(), other.resolve()
    return one.is_relative_to(two) or two.is_relative_to(one)


def _no_headers(_: str) -> dict[str, str]:
    return {}


@contextlib.contextmanager
def _named_place(settings: Settings) -> Iterator[None]:
    """Name the data folder, or the database server, in the message about something unusable."""
    try:
        yield
    except Absent:
        raise
    except (Unusable, DatabaseUnavailable) as error:
        place = settings.place if settings.is_shared else settings.data_dir.absolute()
        raise Unusable(f"{error} ({setting_of_place(settings)} is {place})") from error


@contextlib.contextmanager
def _closed_on_failure(database: Database) -> Iterator[None]:
    with contextlib.ExitStack() as on_failure:
        on_failure.callback(database.close)
        yield
        on_failure.pop_all()


def _make_key(settings: Settings, database: Database, *, randomness: Randomness) -> InstanceKey:
    """Return the key of the instance, made if neither settings nor data folder nor database know of one.

    Raises as `_find_key` does.
    """
    found = _find_key(settings, database)
    if found is not None:
        return found
    new, draft = randomness.hex(2 * KEY_BYTES) + "\n", randomness.hex(16)
    return InstanceKey.parse(key_file.read_or_make(settings.key_file, new=new, draft=draft))


def _find_key(settings: Settings, database: Database) -> InstanceKey | None:
    """Return the key from the settings, or the one in the data folder; None for an instance that has none yet.

    Raises Unusable for one that had a key: its secrets can be read with that one only, and in a backup another one
    would take its place.
    """
    if settings.secret_key is not None:
        return InstanceKey.parse(settings.secret_key.get_secret_value())
    text = key_file.find(settings.key_file)
    if text is None and _is_settled(database):
        # A process that settled it a moment ago has made the file before.
        text = key_file.find(settings.key_file)
        if text is None:
            raise Unusable(
                f"the key of this instance is missing: there is no {settings.key_file}, and every secret in its "
                "database depends on it. Put the file back from the backup of the data folder, or set "
                "DAYFILE_SECRET_KEY to what was in it; no new one is made beside this database"
            )
    return None if text is None else InstanceKey.parse(text)


def _is_settled(database: Database) -> bool:
    """Return True if the instance has a key: no other one may take its place."""
    with database.snapshot() as tx:
        return tx.instance.find("key_check") is not None or bool(tx.accounts.listed(after=None, limit=1))


def _settle_key(database: Database, key: InstanceKey, *, is_shared: bool) -> bool:
    """Make this the instance's key, once and for all; return True if it had none; raises Unusable if it has another.

    Nothing is written if it has one: the disk may be full or read-only.
    """
    with database.snapshot() as tx:
        settled = tx.instance.find("key_check")
    is_new = settled is None
    if settled is None:
        with database.transaction() as tx:
            settled = tx.instance.settle("key_check", key.check_value())
    if settled != key.check_value():
        way_out = ", the same on every host" if is_shared else ", or put its secret.key file back into the data folder"
        raise Unusable(
            "the secret key is not the one this instance was made with: every login would fail. "
            f"Set DAYFILE_SECRET_KEY to that key{way_out}"
        )
    return is_new


def _check_whole(database: Database) -> None:
    """Raise Unusable for a database that a rebuild has not brought all sealed days, or not yet."""
    with database.snapshot() as tx:
        since = tx.instance.find(REBUILDING)
    if since is not None:
        raise Unusable(
            f"the rebuild of this database, begun at {since}, has not come to its end, and it knows only some of the "
            "sealed days. If it runs, wait for it. Otherwise delete this database, or have DAYFILE_DATABASE_URL name a "
            "new one, and run `dayfile rebuild` again"
        )


def _check_not_left(settings: Settings, database: Database) -> None:
    """Raise Unusable for a storage that the instance has moved away from: no new objects are there."""
    with database.snapshot() as tx:
        noted, left = tx.instance.find(STORAGE), tx.instance.left_storages()
    if settings.storage.text in left:
        raise Unusable(
            f"the objects of this instance have moved from {settings.storage.text} to {noted}: set "
            f"DAYFILE_STORAGE_URL={url_in(noted or '')}"
        )


def _note_storage(settings: Settings, database: Database) -> None:
    """Note where the objects are; raises Unusable if they were elsewhere before, and are not here.

    New objects would lie beside none of the old ones, and each host would have a folder of its own. A store that has
    another address now is asked, too. A storage that is away is asked at the next start.
    """
    _check_not_left(settings, database)
    place = settings.storage.whereabouts
    with database.snapshot() as tx:
        noted = tx.instance.find(STORAGE)
        keys = tx.sealed_days.object_keys(limit=_OBJECTS_TRIED)
    is_own_folder = settings.is_shared and settings.storage.folder is not None  # another host has one of the same name
    if noted == place and not is_own_folder:
        return
    try:
        are_here = not keys or noted is None or _has_any(storage_of(settings, makes_folder=False), keys)
    except StorageUnavailable:
        return
    if not are_here:
        raise Unusable(
            f"none of the objects that the database names is in {place}; at the last start they were in {noted}. "
            "Set DAYFILE_STORAGE_URL to where they are, and for a bucket AWS_ENDPOINT_URL to its store, or copy them "
            "first. Several hosts need an object store, since each has folders of its own"
        )
    if noted != place:
        with database.transaction() as tx:
            tx.instance.replace(STORAGE, place)


def _has_any(storage: Storage, keys: Iterable[str]) -> bool:
    return any(is_there(storage, key) for key in keys)


_FINDING: Final = {
    Access.WRITE: find_database,
    Access.READ: find_database_to_read,
    Access.MOVE: find_closed_database,
}
