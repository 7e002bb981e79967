"""Workers, and when they were last seen."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_MICROSECONDS = sa.BigInteger()
_NAME = sa.String(512).with_variant(sa.String(512, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "worker",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("started_at", _MICROSECONDS, nullable=False),
        sa.Column("seen_at", _MICROSECONDS, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_worker")),
    )
