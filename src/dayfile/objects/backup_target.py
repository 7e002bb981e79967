"""The place of an instance's backups: a storage of its own, in which a backup counts once its manifest is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from dayfile.errors import Conflict, Corrupt, NotFound, StorageUnavailable
from dayfile.files import disk
from dayfile.files.backup_manifest import (
    BACKUPS,
    FORMAT,
    BackupManifest,
    DamagedManifest,
    StoredPart,
    is_manifest,
    manifest_key,
    number_of,
)
from dayfile.files.hashed import Hashed
from dayfile.files.storage import BLOCK_BYTES, Bytes, Storage, is_there
from dayfile.objects import layout
from dayfile.objects.foreign_file import find_foreign

_OWNER: Final = f"{BACKUPS}of-"

OnStep = Callable[[str, int, int], None]
"""A function that is called as a backup or a restore goes on: with what it does, how much is done, and the whole."""


class BackupTarget:
    """The backups in a storage. Apart from what the two `drop_...` say, nothing in it is ever deleted or changed."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def check_place(self) -> None:
        """Raise Conflict for a storage with something else than backups, before anything is written there."""
        if next(iter(self.storage.scan(_OWNER)), None) is None:
            self._check_empty()

    def take(self, instance: str) -> None:
        """Make the storage the place of an instance's backups; raises Conflict for one that is of something else.

        Objects of another instance would be taken for what is left of an earlier backup, and deleted.
        """
        owners = {key.removeprefix(_OWNER) for key in self.storage.scan(_OWNER)}
        if owners - {instance}:
            raise Conflict(
                "the backups there are of another instance, or of one that was made anew: choose another place, "
                "so that none replaces the other"
            )
        if not owners:
            self._check_empty()
            self.storage.put(_OWNER + instance, [])

    def next_folder(self, mark: str) -> str:
        """Return the folder of keys of a new backup, which follows all others."""
        last = max((number for number, _ in self._numbered()), default=0)
        return f"{BACKUPS}{last + 1:06}-{mark}"

    def former(self) -> BackupManifest | None:
        """Return the manifest of the last whole backup, as far as the next one needs it: None also if it is damaged.

        Raises Corrupt for one of another form.
        """
        try:
            return self.newest()
        except DamagedManifest:
            return None

    def newest(self) -> BackupManifest | None:
        """Return the manifest of the last whole backup; None if there is none. Raises Corrupt for one of another form.

        One that was not finished does not count.
        """
        manifests = [key for key in self.storage.scan(BACKUPS) if is_manifest(key)]
        if not manifests:
            return None
        found = BackupManifest.decode(b"".join(self.storage.read(max(manifests, key=_number))))
        if found.format != FORMAT:
            raise Corrupt(f"the backup has the form {found.format}, and this Dayfile reads the form {FORMAT}")
        return found

    def unfinished(self) -> list[str]:
        """Return the folders of keys of backups that were begun after the last whole one and never finished."""
        whole = max((_number(key) for key in self.storage.scan(BACKUPS) if is_manifest(key)), default=0)
        return sorted({folder for number, folder in self._numbered() if number > whole})

    def drop_unfinished(self) -> None:
        """Delete what backups that were not finished have left beside objects, so that it does not pile up."""
        self.storage.remove_partial(list(self.storage.scan_partial("")))
        unfinished = set(self.unfinished())
        parts = [key for key in self.storage.scan(BACKUPS) if (of := number_of(key)) and of[1] in unfinished]
        self.storage.delete(parts)

    def put(self, key: str, chunks: Iterable[Bytes]) -> StoredPart:
        """Store a part of a backup; raises StorageUnavailable."""
        hashed = Hashed(chunks)
        size = self.storage.put(key, hashed)
        return StoredPart(key=key, size_bytes=size, sha256=hashed.sha256)

    def put_file(self, key: str, file: Path) -> StoredPart:
        """Store a file as a part of a backup; raises StorageUnavailable."""
        with file.open("rb") as opened:
            return self.put(key, iter(lambda: opened.read(BLOCK_BYTES), b""))

    def finish(self, folder: str, manifest: BackupManifest) -> None:
        """Make a backup count; raises StorageUnavailable if the place is not the one that `take` took any more."""
        needed = (_OWNER + manifest.instance, manifest.database.key, manifest.listed.key)
        if not all(is_there(self.storage, key) for key in needed):
            raise StorageUnavailable("the place of the backup has vanished: is its disk still mounted?")
        self.storage.put(manifest_key(folder), [manifest.encoded()])

    def drop_others(self, folder: str) -> None:
        """Delete all backups but one, their manifests first: none that lacks a part looks whole."""
        others = [key for key in self.storage.scan(BACKUPS) if (of := number_of(key)) and of[1] != folder]
        self.storage.delete([key for key in others if is_manifest(key)])
        self.storage.delete([key for key in others if not is_manifest(key)])

    def fetch(self, part: StoredPart, file: Path) -> None:
        """Copy a part of a backup into a new file; raises Corrupt unless it is what the manifest says."""
        with disk.reported("write to the scratch folder"), file.open("xb") as into:
            into.writelines(self._read(part))

    def key_text(self, manifest: BackupManifest) -> str | None:
        """Return the key of the instance that a backup has with it; None if it has none. Raises Corrupt as `fetch`."""
        return None if manifest.key is None else b"".join(self._read(manifest.key)).decode()

    def _check_empty(self) -> None:
        families = (*layout.FAMILIES, BACKUPS)
        keys = (next(iter(self.storage.scan(family)), None) for family in families)
        found = next(filter(None, keys), None) or find_foreign(self.storage, families=families)
        if found is not None:
            raise Conflict(
                f"there is {found} in that place, which no backup of this instance has put there: name an empty place, "
                "such as a new folder in it, or a longer prefix"
            )

    def _read(self, part: StoredPart) -> Iterator[bytes]:
        """Yield the bytes of a part; raises Corrupt, at their end, unless they are what the manifest says."""
        try:
            hashed = Hashed(self.storage.read(part.key))
            yield from hashed
        except NotFound as error:
            raise Corrupt(f"the backup is not whole: {part.key} is missing") from error
        if hashed.sha256 != part.sha256:
            raise Corrupt(f"the backup is damaged: {part.key} is not what its manifest says")

    def _numbered(self) -> Iterator[tuple[int, str]]:
        return (found for key in self.storage.scan(BACKUPS) if (found := number_of(key)))


def _number(key: str) -> int:
    found = number_of(key)
    return found[0] if found else 0
