"""Webhook secrets and their rotation."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("account", sa.Column("webhook_generation", sa.Integer(), server_default="0", nullable=False))
    op.add_column("account", sa.Column("webhook_former_until", sa.BigInteger(), nullable=True))
