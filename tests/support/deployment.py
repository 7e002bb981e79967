"""The two ways in which Dayfile is run, as a parameter of tests: on a laptop, and on machines of a data centre.

`local` is SQLite and a folder, `cluster` is PostgreSQL and a bucket of an object store. Both are real.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dayfile.files.cloud_storage import CloudPlace, CloudStorage
from dayfile.files.storage import LocalStorage, Storage
from dayfile.files.storage_url import StorageUrl
from tests.support.databases import a_database_url, drop_database
from tests.support.swift import Bucket

LOCAL: Final = "local"
CLUSTER: Final = "cluster"
DEPLOYMENTS: Final = (LOCAL, CLUSTER)

CHOICES: Final = {LOCAL: (LOCAL,), CLUSTER: (CLUSTER,), "both": DEPLOYMENTS}
"""The values of --deployment, and what each means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The URLs of a database and of a storage that nobody else uses; without the second it is the folder's."""

    database: str
    storage: str | None


@dataclass(kw_only=True)
class Deployment:
    """One of the two ways, and the places that a test has asked it for."""

    kind: str
    bucket: Bucket | None = None  # of a cluster
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    places: list[Place] = field(default_factory=list)

    @property
    def is_remote(self) -> bool:
        """True if everything is on servers."""
        return self.kind == CLUSTER

    def place(self, folder: Path) -> Place:
        """Return a new place for an instance with this folder."""
        return self._place(folder)

    def storage(self, folder: Path) -> Storage:
        """Return a storage of the same kind that is no instance's: a folder, or a place in the bucket."""
        if self.bucket is None:
            return LocalStorage.open(folder)
        return CloudStorage(CloudPlace(url=StorageUrl.parse(f"{self.bucket.url}/{next(self._numbers)}")))

    def copy(self, place: Place, folder: Path) -> Place:
        """Return the place of a copy of an instance that is closed, whose folder was copied to this one."""
        copied = self._place(folder, like=place)
        if place.storage and copied.storage:
            there, here = (
                CloudStorage(CloudPlace(url=StorageUrl.parse(one))) for one in (place.storage, copied.storage)
            )
            here.put_many((key, b"".join(there.read(key))) for key in there.scan(""))
        return copied

    def give_up(self, place: Place) -> None:
        """Give up a place whose instance is closed."""
        self.places.remove(place)
        drop_database(place.database)

    def close(self) -> None:
        """Give up all places."""
        for place in [*self.places]:
            self.give_up(place)

    def _place(self, folder: Path, *, like: Place | None = None) -> Place:
        if self.bucket is None:
            place = Place(database=a_database_url("sqlite", folder), storage=None)
        else:
            storage = f"{self.bucket.url}/{next(self._numbers)}"
            database = a_database_url("postgresql", folder, like=like.database if like else None)
            place = Place(database=database, storage=storage)
        self.places.append(place)
        return place
