"""The count of claims of a job's day whose worker was lost, which is no failure of the day."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job_day", sa.Column("lost", sa.Integer(), nullable=False, server_default="0"))
