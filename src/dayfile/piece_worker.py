"""The work of a machine of a cluster on a task, put together from its own environment.

Apart, because it is the composition root of another process than the service's.
"""

from __future__ import annotations

import socket

from dayfile import __version__
from dayfile.errors import StorageUnavailable, Unusable
from dayfile.files.scratch import scratch_folder
from dayfile.files.workplace import Workplace
from dayfile.model.secret import Randomness
from dayfile.opening import storage_of
from dayfile.settings import Settings
from dayfile.store.instance import SCHEMA
from dayfile.work.task import perform, refuse

_NAME_DIGITS = 16


def execute(version: str, schema: str, task: bytes, *, randomness: Randomness) -> bytes:
    """Do the work of a task that a process of this version and schema has sent; return its outcome.

    The storage and its credentials are those of this process's environment. One thread for one task: a cluster gives a
    worker as many tasks as it has threads.
    """
    host = socket.gethostname()
    if (version, schema) != (__version__, SCHEMA):
        return refuse(
            f"the worker on {host} has Dayfile {__version__} (schema {SCHEMA}), and the work is of {version} (schema "
            f"{schema}): install the same version on all machines, and restart the workers",
            host=host,
        )
    try:
        settings = _settings()
        with scratch_folder(settings.scratch, randomness.hex(_NAME_DIGITS)) as scratch:
            place = Workplace(
                storage=storage_of(settings, makes_folder=False),
                scratch=scratch,
                memory_bytes=settings.seal_memory_mb * 1_000_000,
                threads=1,
                shared=randomness,
            )
            return perform(task, at=place, host=host)
    except (StorageUnavailable, Unusable) as error:
        return refuse(f"the worker on {host} cannot work: {error}", host=host)


def _settings() -> Settings:
    settings = Settings.read()
    if settings.storage_url is None:
        raise Unusable("DAYFILE_STORAGE_URL is not set in its environment, and names the storage of the instance")
    if settings.storage.folder is not None and not settings.storage.folder.is_dir():
        raise Unusable(f"DAYFILE_STORAGE_URL names {settings.storage.folder}, and there is no such folder")
    return settings
