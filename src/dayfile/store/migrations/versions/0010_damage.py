"""Damaged objects, what is held for them, and what is published later for it."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_MICROSECONDS = sa.BigInteger()
_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _key_text(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "damage",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("object_key", _key_text(1024), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("account", _key_text(34), nullable=True),
        sa.Column("accounts", sa.LargeBinary(), nullable=False),
        sa.Column("resource_type", _key_text(32), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("found_at", _MICROSECONDS, nullable=False),
        sa.Column("looked_at", _MICROSECONDS, nullable=False),
        sa.Column("resolved_at", _MICROSECONDS, nullable=True),
        sa.Column("settled_at", _MICROSECONDS, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_damage")),
        sa.UniqueConstraint("object_key", name=op.f("uq_damage_object_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_damage_settled_at"), "damage", ["settled_at"])
    unsettled = sa.text("settled_at IS NULL")
    op.create_index(
        "ix_damage_unsettled",
        "damage",
        ["resource_type", "day"],
        sqlite_where=unsettled,
        postgresql_where=unsettled,
    )
    op.create_table(
        "daily_withheld",
        sa.Column("resource_type", _key_text(32), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("account", _key_text(34), nullable=False),
        sa.PrimaryKeyConstraint("resource_type", "day", "account", name=op.f("pk_daily_withheld")),
    )
    for column in ("checksum", "held_for"):
        op.add_column("segment", sa.Column(column, sa.BigInteger(), nullable=True))
    op.add_column("segment", sa.Column("blocks", sa.Text(), nullable=True))
    held = sa.text("held_for IS NOT NULL")
    op.create_index("ix_segment_held_for", "segment", ["held_for"], sqlite_where=held, postgresql_where=held)
    op.add_column("sealed_day", sa.Column("is_incomplete", sa.Boolean(), nullable=False, server_default=sa.false()))
