"""Notices."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_MOMENT = sa.BigInteger()  # microseconds since 1970, UTC
_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _key(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def _index(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=False, sqlite_where=condition, postgresql_where=condition)


def upgrade() -> None:
    op.create_table(
        "lane",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("account", _key(34), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("host", _key(2048), nullable=False),
        sa.Column("standing", sa.String(length=16), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("rests_until", _MOMENT, nullable=True),
        sa.Column("due_at", _MOMENT, nullable=True),
        sa.Column("served", sa.BigInteger(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("claim_token", sa.BigInteger(), nullable=True),
        sa.Column("leased_until", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lane")),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_lane_key", "lane", ["account", "channel", "host"], unique=True)
    op.create_index("ix_lane_served", "lane", ["account", "served"], unique=False)
    _index("ix_lane_due", "lane", ["due_at"], "due_at IS NOT NULL")
    op.create_table(
        "notice",
        sa.Column("number", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("sid", _key(34), nullable=False),
        sa.Column("account", _key(34), nullable=False),
        sa.Column("lane_id", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("method", sa.String(length=4), nullable=True),
        sa.Column("resource_type", _key(32), nullable=False),
        sa.Column("job_sid", _key(34), nullable=True),
        sa.Column("day", sa.String(10), nullable=True),
        sa.Column("generation", sa.BigInteger(), nullable=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("gives_up_at", _MOMENT, nullable=False),
        sa.Column("next_attempt_at", _MOMENT, nullable=True),
        sa.Column("ended_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["lane_id"], ["lane.id"], name=op.f("fk_notice_lane_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_notice")),
        sa.UniqueConstraint("sid", name=op.f("uq_notice_sid")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_notice_lane_id"), "notice", ["lane_id"], unique=False)
    op.create_index("uq_notice_job", "notice", ["job_sid", "event", "channel"], unique=True)
    op.create_index(
        "uq_notice_day", "notice", ["account", "resource_type", "day", "generation", "channel"], unique=True
    )
    op.create_index("ix_notice_account", "notice", ["account", "number"], unique=False)
    _index("ix_notice_pending", "notice", ["lane_id", "number"], "state = 'pending'")
    _index("ix_notice_next", "notice", ["lane_id", "next_attempt_at"], "state = 'pending'")
    _index("ix_notice_ended", "notice", ["ended_at"], "ended_at IS NOT NULL")
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
