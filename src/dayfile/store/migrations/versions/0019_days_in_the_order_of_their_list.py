"""The days of a list in their order: those of one generation stood in none, so that each page was sorted."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_day_file_generation", "day_file")
    op.create_index("ix_day_file_generation", "day_file", ["account", "resource_type", "generation", "day"])
