"""A second digest of sealed files, by which large downloads are checked."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sealed_day", sa.Column("xxh3", sa.String(length=32)))
