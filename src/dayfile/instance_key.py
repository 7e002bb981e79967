"""The key of an instance: from the settings or the data folder, and made once, for a new instance only."""

from __future__ import annotations

from dayfile.accounts.settle_key import is_settled
from dayfile.errors import Unusable
from dayfile.files import key_file
from dayfile.model.secret import KEY_BYTES, InstanceKey, Randomness
from dayfile.settings import Settings
from dayfile.store.database import Database


def make_key(settings: Settings, database: Database, *, randomness: Randomness) -> InstanceKey:
    """Return the key of the instance, made if neither settings nor data folder nor database know of one.

    Raises as `find_key` does.
    """
    found = find_key(settings, database)
    if found is not None:
        return found
    new, draft = randomness.hex(2 * KEY_BYTES) + "\n", randomness.hex(16)
    return InstanceKey.parse(key_file.read_or_make(settings.key_file, new=new, draft=draft))


def find_key(settings: Settings, database: Database) -> InstanceKey | None:
    """Return the key from the settings, or the one in the data folder; None for an instance that has none yet.

    Raises Unusable for one that had a key: its secrets can be read with that one only, and in a backup another one
    would take its place.
    """
    if settings.secret_key is not None:
        return InstanceKey.parse(settings.secret_key.get_secret_value())
    text = key_file.find(settings.key_file)
    if text is None and is_settled(database):
        # A process that settled it a moment ago has made the file before.
        text = key_file.find(settings.key_file)
        if text is None:
            raise Unusable(
                f"the key of this instance is missing: there is no {settings.key_file}, and every secret in its "
                "database depends on it. Put the file back from the backup of the data folder, or set "
                "DAYFILE_SECRET_KEY to what was in it; no new one is made beside this database"
            )
    return None if text is None else InstanceKey.parse(text)
