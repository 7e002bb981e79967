"""The tables. What a row means is said here; what may happen to it, in the file of its family."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from dayfile.store.columns import ROW_ID, SID, TYPE_NAME, DayText, Moment, key_text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

instance = Table(
    "instance",
    metadata,
    Column("name", key_text(64), primary_key=True),  # key_check: the check value of the instance key
    Column("value", Text, nullable=False),
)

counter = Table(
    "counter",
    metadata,
    # submit, claim: the last number given; taking one locks the row, so numbers commit in their order
    Column("name", key_text(64), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

account = Table(
    "account",
    metadata,
    Column("sid", SID, primary_key=True),
    Column("parent", SID, ForeignKey("account.sid"), index=True),
    Column("state", String(16), nullable=False),
    Column("friendly_name", Text, nullable=False),
    Column("login_hash", LargeBinary, nullable=False),
    Column("encrypted_token", LargeBinary, nullable=False),  # a webhook's signature needs the token itself
    Column("generation", BigInteger, nullable=False),  # of its last published day file
    Column("served", BigInteger, nullable=False),  # token of the last claim on its behalf: claims go round by it
    Column("created_at", Moment, nullable=False),
)

api_key = Table(
    "api_key",
    metadata,
    Column("sid", SID, primary_key=True),
    Column("account", SID, ForeignKey("account.sid"), index=True),  # null: the operator's
    Column("scopes", Text, nullable=False),  # space separated
    Column("friendly_name", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("revoked_at", Moment),
)

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
    Index("ix_segment_resource_type_day", "resource_type", "day", "id"),
    sqlite_autoincrement=True,
)

segment_inline = Table(
    "segment_inline",
    metadata,
    Column("segment_id", ROW_ID, ForeignKey("segment.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)

upload = Table(
    "upload",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("prefix", key_text(1024), nullable=False, index=True),  # an object key, or what many keys begin with
    Column("mark", key_text(64), nullable=False),  # what those keys also contain; empty for a single object
    Column("state", String(16), nullable=False),  # pending, live, garbage, swept
    Column("changed_at", Moment, nullable=False),
    Column("delete_after", Moment),  # garbage and swept only
    Index("ix_upload_state", "state", "delete_after", "changed_at"),
    sqlite_autoincrement=True,
)

day_state = Table(
    "day_state",
    metadata,
    Column("resource_type", TYPE_NAME, primary_key=True),
    Column("day", DayText, primary_key=True),
    Column("state", String(16), nullable=False),  # open, sealed, removed
    Column("sealed_at", Moment),  # when it was first sealed
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
    # At most one seal runs for a day of a type.
    Index(
        "uq_seal_running",
        "resource_type",
        "day",
        unique=True,
        sqlite_where=text("state = 'running'"),
        postgresql_where=text("state = 'running'"),
    ),
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
    Column("object_key", Text, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("plain_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("plain_sha256", String(64), nullable=False),
    Column("encoder", Text, nullable=False),
    Column("first_created_at", Moment, nullable=False),
    Column("last_created_at", Moment, nullable=False),
    Column("sealed_at", Moment, nullable=False),
    Index("ix_sealed_day_account", "account", "resource_type", "day", "revision"),
    Index("ix_sealed_day_day", "resource_type", "day", "account"),
    sqlite_autoincrement=True,
)

job = Table(
    "job",
    metadata,
    Column("sid", SID, primary_key=True),
    Column("account", SID, nullable=False),
    Column("resource_type", TYPE_NAME, nullable=False),
    Column("start_day", DayText, nullable=False),
    Column("end_day", DayText, nullable=False),
    Column("friendly_name", Text, nullable=False),
    Column("webhook_url", Text),
    Column("webhook_method", String(4)),
    Column("email", Text),
    Column("submit_number", BigInteger, nullable=False, unique=True),
    Column("submitted_at", Moment, nullable=False),
    Column("over_at", Moment),  # when its last day became final
    Column("deleted_at", Moment),  # when its owner deleted it: no longer shown
    Index("ix_job_account", "account", "resource_type", "submit_number"),
    Index(
        "ix_job_unfinished",
        "submit_number",
        sqlite_where=text("over_at IS NULL"),
        postgresql_where=text("over_at IS NULL"),
    ),
)

job_day = Table(
    "job_day",
    metadata,
    Column("job_sid", SID, ForeignKey("job.sid", ondelete="CASCADE"), primary_key=True),
    Column("day", DayText, primary_key=True),
    Column("status", String(32), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("error", Text),
    Column("not_before", Moment, nullable=False),  # an attempt that failed waits until then
    Column("worker", Text),
    Column("claim_token", BigInteger),  # unlike any other claim's
    Column("leased_until", Moment),
    Column("finished_at", Moment, index=True),
)

quota_day = Table(
    "quota_day",
    metadata,
    Column("root_account", SID, primary_key=True),
    Column("day", DayText, primary_key=True),
    Column("requested", Integer, nullable=False),
)

day_file = Table(
    "day_file",
    metadata,
    Column("account", SID, primary_key=True),
    Column("resource_type", TYPE_NAME, primary_key=True),
    Column("day", DayText, primary_key=True),
    Column("friendly_name", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("sealed_day_id", BigInteger, ForeignKey("sealed_day.id"), index=True),  # null: a day without records
    Column("expires_at", Moment, nullable=False, index=True),
    Index("ix_day_file_generation", "account", "resource_type", "generation"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    sqlite_autoincrement=True,
)
