"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.BigInteger()  # microseconds since 1970, UTC
_DAY = sa.String(10)


def _key(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("sid", _key(34), nullable=False),
        sa.Column("parent", _key(34), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("friendly_name", sa.Text(), nullable=False),
        sa.Column("login_hash", sa.LargeBinary(), nullable=False),
        sa.Column("encrypted_token", sa.LargeBinary(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("served", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["parent"], ["account.sid"], name=op.f("fk_account_parent")),
        sa.PrimaryKeyConstraint("sid", name=op.f("pk_account")),
    )
    op.create_index(op.f("ix_account_parent"), "account", ["parent"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "counter",
        sa.Column("name", _key(64), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counter")),
    )
    op.create_table(
        "day_state",
        sa.Column("resource_type", _key(32), nullable=False),
        sa.Column("day", _DAY, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("sealed_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("resource_type", "day", name=op.f("pk_day_state")),
    )
    op.create_table(
        "instance",
        sa.Column("name", _key(64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_instance")),
    )
    op.create_table(
        "job",
        sa.Column("sid", _key(34), nullable=False),
        sa.Column("account", _key(34), nullable=False),
        sa.Column("resource_type", _key(32), nullable=False),
        sa.Column("start_day", _DAY, nullable=False),
        sa.Column("end_day", _DAY, nullable=False),
        sa.Column("friendly_name", sa.Text(), nullable=False),
        sa.Column("webhook_url", sa.Text(), nullable=True),
        sa.Column("webhook_method", sa.String(length=4), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("submit_number", sa.BigInteger(), nullable=False),
        sa.Column("submitted_at", _MOMENT, nullable=False),
        sa.Column("over_at", _MOMENT, nullable=True),
        sa.Column("deleted_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("sid", name=op.f("pk_job")),
        sa.UniqueConstraint("submit_number", name=op.f("uq_job_submit_number")),
    )
    op.create_index("ix_job_account", "job", ["account", "resource_type", "submit_number"], unique=False)
    op.create_index(
        "ix_job_unfinished",
        "job",
        ["submit_number"],
        unique=False,
        sqlite_where=sa.text("over_at IS NULL"),
        postgresql_where=sa.text("over_at IS NULL"),
    )
    op.create_table(
        "quota_day",
        sa.Column("root_account", _key(34), nullable=False),
        sa.Column("day", _DAY, nullable=False),
        sa.Column("requested", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("root_account", "day", name=op.f("pk_quota_day")),
    )
    op.create_table(
        "receipt",
        sa.Column("sid", _key(34), nullable=False),
        sa.Column("credential", _key(34), nullable=False),
        sa.Column("idempotency_key", _key(256), nullable=False),
        sa.Column("body_sha256", _key(64), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("received_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("sid", name=op.f("pk_receipt")),
        sa.UniqueConstraint("credential", "idempotency_key", name=op.f("uq_receipt_credential_idempotency_key")),
    )
    op.create_index(op.f("ix_receipt_received_at"), "receipt", ["received_at"], unique=False)
    op.create_table(
        "rejection",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("resource_type", _key(32), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("line_number", sa.BigInteger(), nullable=False),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("line", sa.LargeBinary(), nullable=False),
        sa.Column("account", _key(34), nullable=True),
        sa.Column("rejected_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rejection")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_rejection_account"), "rejection", ["account"], unique=False)
    op.create_table(
        "seal",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("resource_type", _key(32), nullable=False),
        sa.Column("day", _DAY, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("leased_until", _MOMENT, nullable=False),
        sa.Column("upload_id", sa.BigInteger(), nullable=False),
        sa.Column("started_at", _MOMENT, nullable=False),
        sa.Column("committed_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seal")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_seal_running",
        "seal",
        ["resource_type", "day"],
        unique=True,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_table(
        "segment",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("resource_type", _key(32), nullable=False),
        sa.Column("day", _DAY, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=True),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("plain_bytes", sa.BigInteger(), nullable=False),
        sa.Column("stored_bytes", sa.BigInteger(), nullable=False),
        sa.Column("accounts", sa.LargeBinary(), nullable=False),
        sa.Column("accepted_at", _MOMENT, nullable=False),
        sa.Column("seal_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segment")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_segment_resource_type_day", "segment", ["resource_type", "day", "id"], unique=False)
    op.create_table(
        "upload",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("prefix", _key(1024), nullable=False),
        sa.Column("mark", _key(64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("changed_at", _MOMENT, nullable=False),
        sa.Column("delete_after", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_upload_prefix"), "upload", ["prefix"], unique=False)
    op.create_index("ix_upload_state", "upload", ["state", "delete_after", "changed_at"], unique=False)
    op.create_table(
        "api_key",
        sa.Column("sid", _key(34), nullable=False),
        sa.Column("account", _key(34), nullable=True),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("friendly_name", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("revoked_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.sid"], name=op.f("fk_api_key_account")),
        sa.PrimaryKeyConstraint("sid", name=op.f("pk_api_key")),
    )
    op.create_index(op.f("ix_api_key_account"), "api_key", ["account"], unique=False)
    op.create_table(
        "job_day",
        sa.Column("job_sid", _key(34), nullable=False),
        sa.Column("day", _DAY, nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("not_before", _MOMENT, nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("claim_token", sa.BigInteger(), nullable=True),
        sa.Column("leased_until", _MOMENT, nullable=True),
        sa.Column("finished_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["job_sid"], ["job.sid"], name=op.f("fk_job_day_job_sid"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_sid", "day", name=op.f("pk_job_day")),
    )
    op.create_index(op.f("ix_job_day_finished_at"), "job_day", ["finished_at"], unique=False)
    op.create_table(
        "sealed_day",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("seal_id", sa.BigInteger(), nullable=False),
        sa.Column("account", _key(34), nullable=False),
        sa.Column("resource_type", _key(32), nullable=False),
        sa.Column("day", _DAY, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("plain_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("plain_sha256", sa.String(length=64), nullable=False),
        sa.Column("encoder", sa.Text(), nullable=False),
        sa.Column("first_created_at", _MOMENT, nullable=False),
        sa.Column("last_created_at", _MOMENT, nullable=False),
        sa.Column("sealed_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["seal_id"], ["seal.id"], name=op.f("fk_sealed_day_seal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sealed_day")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_sealed_day_account", "sealed_day", ["account", "resource_type", "day", "revision"], unique=False
    )
    op.create_index("ix_sealed_day_day", "sealed_day", ["resource_type", "day", "account"], unique=False)
    op.create_index(op.f("ix_sealed_day_seal_id"), "sealed_day", ["seal_id"], unique=False)
    op.create_table(
        "segment_inline",
        sa.Column("segment_id", _ROW_ID, autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["segment.id"], name=op.f("fk_segment_inline_segment_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("segment_id", name=op.f("pk_segment_inline")),
    )
    op.create_table(
        "day_file",
        sa.Column("account", _key(34), nullable=False),
        sa.Column("resource_type", _key(32), nullable=False),
        sa.Column("day", _DAY, nullable=False),
        sa.Column("friendly_name", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("sealed_day_id", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["sealed_day_id"], ["sealed_day.id"], name=op.f("fk_day_file_sealed_day_id")),
        sa.PrimaryKeyConstraint("account", "resource_type", "day", name=op.f("pk_day_file")),
    )
    op.create_index(op.f("ix_day_file_expires_at"), "day_file", ["expires_at"], unique=False)
    op.create_index("ix_day_file_generation", "day_file", ["account", "resource_type", "generation"], unique=False)
    op.create_index(op.f("ix_day_file_sealed_day_id"), "day_file", ["sealed_day_id"], unique=False)
