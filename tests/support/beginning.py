"""The beginning of a story that is told many times: an instance, of which each telling has a copy of its own."""

from __future__ import annotations

import gc
import shutil
from pathlib import Path
from typing import Any

from tests.support.deployment import Deployment, Place
from tests.support.world import World

SESSIONS_OF_THE_DEAD = "ignore:<psycopg.Connection:ResourceWarning"
"""The filter for what Python says of a session with PostgreSQL that a thread of a killed process has left open."""


class Beginning:
    """An instance in a deployment, with what happened before the story: it is closed when it is copied."""

    def __init__(self, deployment: Deployment, folder: Path, **options: Any) -> None:
        """Make the instance; the options are those of a World."""
        folder.mkdir()
        self._deployment, self._folder = deployment, folder
        self._place = deployment.place(folder)
        self._copies: dict[Path, Place] = {}
        self.world = World(folder, database=self._place.database, storage=self._place.storage, **options)

    def copy(self, folder: Path, **options: Any) -> World:
        """Open a copy of it in another process, whose folder is this new one; `end` it."""
        self.world.close()
        shutil.copytree(self._folder, folder)
        place = self._deployment.copy(self._place, folder)
        self._copies[folder] = place
        return World(folder, database=place.database, storage=place.storage, **{"process": 2, **options})

    def end(self, world: World) -> None:
        """Close a copy, however its story went, and give up its place."""
        world.close()
        self._deployment.give_up(self._copies.pop(world.folder))
        shutil.rmtree(world.folder)
        if self._deployment.is_remote:
            gc.collect()  # sessions that threads held as they died end here, where nobody is warned of them
