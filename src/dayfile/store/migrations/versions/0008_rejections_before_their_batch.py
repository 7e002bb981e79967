"""Rejections that are written before their batch is committed."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rejection", sa.Column("upload_id", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_rejection_upload_id",
        "rejection",
        ["upload_id"],
        sqlite_where=sa.text("upload_id IS NOT NULL"),
        postgresql_where=sa.text("upload_id IS NOT NULL"),
    )
