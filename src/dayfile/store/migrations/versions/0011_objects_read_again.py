"""Objects that were read again, and who reads them."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_MICROSECONDS = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "read_object",
        sa.Column(
            "object_key",
            sa.String(1024).with_variant(sa.String(1024, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("modified_ns", sa.BigInteger(), nullable=False),
        sa.Column("read_at", _MICROSECONDS, nullable=False),
        sa.PrimaryKeyConstraint("object_key", name=op.f("pk_read_object")),
    )
    op.create_index(op.f("ix_read_object_read_at"), "read_object", ["read_at"])
    op.create_table(
        "scrub",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("leased_until", _MICROSECONDS, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scrub")),
    )
