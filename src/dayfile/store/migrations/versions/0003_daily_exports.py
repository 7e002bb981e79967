"""Daily exports."""

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
