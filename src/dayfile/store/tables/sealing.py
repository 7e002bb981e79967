"""Tables of sealed days: the states of days, seals, and the revisions of each account.

What a row means is said here; what may happen to it, in the file of its family in the store.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    false,
    text,
)

from dayfile.store.columns import ROW_ID, SID, TYPE_NAME, AnyNumber, DayText, Moment, key_text
from dayfile.store.tables.metadata import metadata

_UNMARKED = "state = 'committed' AND mark IS NOT NULL AND marker_key IS NULL"

day_state = Table(
    "day_state",
    metadata,
    Column("resource_type", TYPE_NAME, primary_key=True),
    Column("day", DayText, primary_key=True),
    Column("state", String(16), nullable=False),  # open, sealed, older (than the installation, and sealed), removed
    Column("sealed_at", Moment),  # when it was first sealed after its end
)

seal = Table(
    "seal",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("resource_type", TYPE_NAME, nullable=False),
    Column("day", DayText, nullable=False),
    Column("state", String(16), nullable=False),  # running, committed, abandoned
    Column("worker", Text, nullable=False),
    Column("leased_until", Moment, nullable=False),
    Column("upload_id", BigInteger, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("committed_at", Moment),
    Column("mark", key_text(64)),  # in the keys of its objects; null: made before seals had manifests
    Column("marker_key", key_text(1024)),  # of the marker that says that it is committed; null: there is none yet
    # At most one seal runs for a day of a type.
    Index(
        "uq_seal_running",
        "resource_type",
        "day",
        unique=True,
        sqlite_where=text("state = 'running'"),
        postgresql_where=text("state = 'running'"),
    ),
    Index(
        "ix_seal_unmarked",
        "id",
        sqlite_where=text(_UNMARKED),
        postgresql_where=text(_UNMARKED),
    ),
    sqlite_autoincrement=True,
)

pack = Table(
    "pack",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("object_key", key_text(1024), nullable=False, unique=True),
    Column("resource_type", TYPE_NAME, nullable=False),
    Column("day", DayText, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("live_bytes", BigInteger, nullable=False),  # of the sealed days that point to it, counting yet or not
    Column("live_files", BigInteger, nullable=False),  # the same; who takes it to 0 condemns the object
    Column("state", String(16), nullable=False),  # new: its seal is not committed; live
    Column("seal_id", BigInteger),  # the seal that makes it, while it is new
    Column("rests_until", Moment),  # not to be rewritten before
    sqlite_autoincrement=True,
)

sealed_day = Table(
    "sealed_day",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("seal_id", BigInteger, ForeignKey("seal.id"), nullable=False, index=True),  # counts once that is committed
    Column("account", SID, nullable=False),
    Column("resource_type", TYPE_NAME, nullable=False),
    Column("day", DayText, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("file_key", Text, nullable=False),  # its name; the key of its object, unless it is in a pack
    Column("pack_id", BigInteger),  # the pack that it is in; null: it has an object of its own
    Column("pack_offset", BigInteger),  # its first byte there
    Column("records", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("plain_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("plain_sha256", String(64), nullable=False),
    Column("encoder", Text, nullable=False),
    Column("first_created_at", Moment, nullable=False),
    Column("last_created_at", Moment, nullable=False),
    Column("sealed_at", Moment, nullable=False),
    Column("superseded_by", BigInteger),  # the seal that made the next revision; counts once that is committed
    Column("is_incomplete", Boolean, nullable=False, server_default=false()),  # accepted records are lost from it
    Column("xxh3", String(32)),  # a fast digest of a large file; null: it is small, or was sealed before there was one
    Column("unpublished_at", Moment),  # when a day file last went on to another revision: links may outlive that
    Index(
        "ix_sealed_day_superseded",
        "superseded_by",
        sqlite_where=text("superseded_by IS NOT NULL"),
        postgresql_where=text("superseded_by IS NOT NULL"),
    ),
    Index("ix_sealed_day_account", "account", "resource_type", "day", "revision"),
    Index("ix_sealed_day_day", "resource_type", "day", "account"),
    sqlite_autoincrement=True,
)

damage = Table(
    "damage",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("object_key", key_text(1024), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),  # file, segment
    Column("account", SID),  # whose file it is; null for a segment
    Column("accounts", LargeBinary, nullable=False),  # packed: who may have lines in what is damaged
    Column("resource_type", TYPE_NAME, nullable=False),
    Column("day", DayText, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", String(16), nullable=False),  # open, repaired, accepted
    Column("found_at", Moment, nullable=False),
    Column("looked_at", Moment, nullable=False),
    Column("resolved_at", Moment),  # when it was repaired or accepted
    Column("settled_at", Moment, index=True),  # when nothing was held or to be sealed for it any more
    Index(
        "ix_damage_unsettled",
        "resource_type",
        "day",
        sqlite_where=text("settled_at IS NULL"),
        postgresql_where=text("settled_at IS NULL"),
    ),
    sqlite_autoincrement=True,
)

read_object = Table(
    "read_object",
    metadata,
    # An object that was read to its end and found whole. With another size or time of modification it is another one.
    Column("object_key", key_text(1024), primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("modified_ns", AnyNumber, nullable=False),  # by the clock of the storage
    Column("read_at", Moment, nullable=False, index=True),
)

scrub = Table(
    "scrub",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # one row: 1
    Column("worker", Text, nullable=False),  # who reads objects again
    Column("leased_until", Moment, nullable=False),
)
