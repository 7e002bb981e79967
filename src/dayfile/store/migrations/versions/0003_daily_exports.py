"""Daily exports, retention, and a queue that need not be counted."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_MOMENT = sa.BigInteger()  # microseconds since 1970, UTC
_DAY = sa.String(10)


def _key(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "export_configuration",
        sa.Column("account", _key(34), nullable=False),
        sa.Column("resource_type", _key(32), nullable=False),
        sa.Column("enabled_at", _MOMENT, nullable=True),
        sa.Column("webhook_url", sa.Text(), nullable=False),
        sa.Column("webhook_method", sa.String(length=4), nullable=False),
        sa.Column("changed_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("account", "resource_type", name=op.f("pk_export_configuration")),
    )
    op.create_index(
        "ix_export_configuration_enabled",
        "export_configuration",
        ["resource_type", "account"],
        unique=False,
        sqlite_where=sa.text("enabled_at IS NOT NULL"),
        postgresql_where=sa.text("enabled_at IS NOT NULL"),
    )
    op.create_table(
        "daily_run",
        sa.Column("resource_type", _key(32), nullable=False),
        sa.Column("day", _DAY, nullable=False),
        sa.Column("cursor", _key(34), nullable=False),
        sa.Column("published", sa.BigInteger(), nullable=False),
        sa.Column("started_at", _MOMENT, nullable=False),
        sa.Column("not_before", _MOMENT, nullable=False),
        sa.Column("finished_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("resource_type", "day", name=op.f("pk_daily_run")),
    )
    op.create_index(op.f("ix_daily_run_finished_at"), "daily_run", ["finished_at"], unique=False)
    op.create_index(
        "ix_daily_run_unfinished",
        "daily_run",
        ["day", "resource_type"],
        unique=False,
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.add_column("job", sa.Column("unfinished_days", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("job", sa.Column("due_at", _MOMENT, nullable=True))
    op.execute(
        "UPDATE job SET unfinished_days = (SELECT count(*) FROM job_day WHERE job_day.job_sid = job.sid"
        " AND job_day.status NOT IN ('Completed', 'CompletedEmptyRecords', 'Failed', 'DeletedByUserRequest'))"
    )
    op.execute(
        "UPDATE job SET due_at = (SELECT min(not_before) FROM job_day WHERE job_day.job_sid = job.sid"
        " AND job_day.status IN ('Submitted', 'ErrorDuringRun'))"
    )
    op.create_index(op.f("ix_job_over_at"), "job", ["over_at"], unique=False)
    op.add_column("job_day", sa.Column("claimed_at", _MOMENT, nullable=True))
    op.create_index(
        "ix_job_day_leased",
        "job_day",
        ["leased_until"],
        unique=False,
        sqlite_where=sa.text("leased_until IS NOT NULL"),
        postgresql_where=sa.text("leased_until IS NOT NULL"),
    )
    op.add_column("sealed_day", sa.Column("superseded_by", sa.BigInteger(), nullable=True))
    op.add_column("sealed_day", sa.Column("unpublished_at", _MOMENT, nullable=True))
    op.create_index(
        "ix_sealed_day_superseded",
        "sealed_day",
        ["superseded_by"],
        unique=False,
        sqlite_where=sa.text("superseded_by IS NOT NULL"),
        postgresql_where=sa.text("superseded_by IS NOT NULL"),
    )
