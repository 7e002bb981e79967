"""Notices."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_MOMENT = sa.BigInteger()  # microseconds since 1970, UTC


def _key(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "notice",
        sa.Column("sid", _key(34), nullable=False),
        sa.Column("account", _key(34), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("receiver", _key(2048), nullable=False),
        sa.Column("method", sa.String(length=4), nullable=True),
        sa.Column("resource_type", _key(32), nullable=False),
        sa.Column("job_sid", _key(34), nullable=True),
        sa.Column("day", sa.String(10), nullable=True),
        sa.Column("generation", sa.BigInteger(), nullable=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("next_attempt_at", _MOMENT, nullable=True),
        sa.Column("ended_at", _MOMENT, nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("claim_token", sa.BigInteger(), nullable=True),
        sa.Column("leased_until", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("sid", name=op.f("pk_notice")),
        sa.UniqueConstraint("number", name=op.f("uq_notice_number")),
    )
    op.create_index("uq_notice_job", "notice", ["job_sid", "event", "channel", "receiver"], unique=True)
    op.create_index(
        "uq_notice_day", "notice", ["account", "resource_type", "day", "generation", "receiver"], unique=True
    )
    op.create_index("ix_notice_account", "notice", ["account", "number"], unique=False)
    op.create_index(
        "ix_notice_pending",
        "notice",
        ["next_attempt_at", "number"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "attempt",
        sa.Column("notice_sid", _key(34), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("began_at", _MOMENT, nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["notice_sid"], ["notice.sid"], name=op.f("fk_attempt_notice_sid"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("notice_sid", "number", name=op.f("pk_attempt")),
    )
