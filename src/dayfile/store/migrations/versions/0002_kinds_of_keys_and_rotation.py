"""Kinds of keys, tokens that overlap, and owners."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_MOMENT = sa.BigInteger()  # microseconds since 1970, UTC


def upgrade() -> None:
    op.add_column("account", sa.Column("former_login_hash", sa.LargeBinary(), nullable=True))
    op.add_column("account", sa.Column("former_until", _MOMENT, nullable=True))
    op.add_column("account", sa.Column("email", sa.Text(), nullable=True))
    op.add_column("api_key", sa.Column("kind", sa.String(length=16), server_default="standard", nullable=False))
    op.add_column("api_key", sa.Column("permissions", sa.Text(), server_default="", nullable=False))
    op.execute("UPDATE api_key SET kind = 'operator' WHERE account IS NULL")
