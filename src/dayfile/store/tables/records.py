"""Tables of records on their way in: receipts, rejections, segments, and the ledger of objects.

What a row means is said here; what may happen to it, in the file of its family in the store.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, String, Table, Text, UniqueConstraint, text

from dayfile.store.columns import ROW_ID, SID, TYPE_NAME, DayText, Moment, key_text
from dayfile.store.tables.metadata import metadata

receipt = Table(
    "receipt",
    metadata,
    Column("sid", SID, primary_key=True),
    Column("credential", SID, nullable=False),
    Column("idempotency_key", key_text(256), nullable=False),
    Column("body_sha256", key_text(64), nullable=False),
    Column("answer", Text, nullable=False),  # JSON, without values of records
    Column("received_at", Moment, nullable=False, index=True),
    UniqueConstraint("credential", "idempotency_key"),
)

rejection = Table(
    "rejection",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("resource_type", TYPE_NAME, nullable=False),
    Column("source", Text, nullable=False),
    Column("line_number", BigInteger, nullable=False),
    Column("field", Text),
    Column("reason", Text, nullable=False),
    Column("line", LargeBinary, nullable=False),
    Column("account", SID, index=True),  # set while all that is wrong is that this account is unknown
    Column("rejected_at", Moment, nullable=False),
    Column("upload_id", BigInteger),  # written before its batch was committed: counts once that entry is gone
    # Only rejections of such batches are ever looked up by it.
    Index(
        "ix_rejection_upload_id",
        "upload_id",
        sqlite_where=text("upload_id IS NOT NULL"),
        postgresql_where=text("upload_id IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

segment = Table(
    "segment",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),  # order of arrival; never given twice
    Column("resource_type", TYPE_NAME, nullable=False),
    Column("day", DayText, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("object_key", Text),  # null: inline
    Column("records", BigInteger, nullable=False),
    Column("plain_bytes", BigInteger, nullable=False),
    Column("stored_bytes", BigInteger, nullable=False),
    Column("accounts", LargeBinary, nullable=False),  # packed hashes of the accounts in it
    Column("accepted_at", Moment, nullable=False),
    Column("seal_id", BigInteger),  # the seal that took it; the row goes when that seal is committed
    Column("checksum", BigInteger),  # CRC-32 of what is outside of its blocks, of an inline one of all; null: unknown
    Column("held_for", BigInteger),  # the damage for which it waits; null: it waits for its day only
    Column("blocks", Text),  # which of its blocks are not sealed yet, a JSON array of numbers; null: all
    Column("compacting_until", Moment),  # until when one worker may be compacting it, and no other; null: nobody is
    Index("ix_segment_resource_type_day", "resource_type", "day", "id"),
    # Few are held, and each is looked for by what it is held for.
    Index(
        "ix_segment_held_for",
        "held_for",
        sqlite_where=text("held_for IS NOT NULL"),
        postgresql_where=text("held_for IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

segment_inline = Table(
    "segment_inline",
    metadata,
    Column("segment_id", ROW_ID, ForeignKey("segment.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)

upload = Table(
    "ledger",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("prefix", key_text(1024), nullable=False, index=True),  # an object key, or the beginning of many keys
    Column("mark", key_text(64), nullable=False),  # what those keys also contain; empty for a single object
    Column("state", String(16), nullable=False),  # pending, live, garbage, swept
    Column("changed_at", Moment, nullable=False),
    Column("delete_after", Moment),  # garbage and swept only
    Index("ix_ledger_state", "state", "delete_after", "changed_at"),
    sqlite_autoincrement=True,
)
