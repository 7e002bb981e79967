"""The mark of the clock."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_MICROSECONDS = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "clock_mark",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", _MICROSECONDS, nullable=False),
        sa.Column("passed", _MICROSECONDS, nullable=False),
        sa.Column("boot_id", sa.Text(), nullable=False),
        sa.Column("uptime", _MICROSECONDS, nullable=False),
        sa.Column("said", _MICROSECONDS, nullable=True),
        sa.Column("agreed_for", _MICROSECONDS, nullable=True),
        sa.Column("needed_for", _MICROSECONDS, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock_mark")),
    )
