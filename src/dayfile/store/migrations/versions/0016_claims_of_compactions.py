"""The claims of compactions, so that workers compact different segments."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("segment", sa.Column("compacting_until", sa.BigInteger(), nullable=True))
