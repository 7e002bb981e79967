"""The key with which an instance was made: every login and every secret in its database depends on it."""

from __future__ import annotations

from dayfile.errors import Unusable
from dayfile.model.secret import InstanceKey
from dayfile.store.database import Database


def is_settled(database: Database) -> bool:
    """Return True if the instance has a key: no other one may take its place."""
    with database.snapshot() as tx:
        return tx.instance.find("key_check") is not None or bool(tx.accounts.listed(after=None, limit=1))


def settle_key(database: Database, key: InstanceKey) -> None:
    """Make this the instance's key, once and for all; raises Unusable if the instance has another one.

    Nothing is written if it has one: the disk may be full or read-only.
    """
    with database.snapshot() as tx:
        settled = tx.instance.find("key_check")
    if settled is None:
        with database.transaction() as tx:
            settled = tx.instance.settle("key_check", key.check_value())
    if settled != key.check_value():
        raise Unusable(
            "the secret key is not the one this instance was made with: every login would fail. "
            "Set DAYFILE_SECRET_KEY to that key, or put its secret.key file back into the data folder"
        )
