"""The days of a job that is over, in its own row: each list of jobs gathered them anew."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("final_days", sa.Text()))
