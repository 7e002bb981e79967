"""Tables of exports: requests, and published files.

What a row means is said here; what may happen to it, in the file of its family in the store.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text, text

from dayfile.store.columns import SID, TYPE_NAME, DayText, Moment
from dayfile.store.tables.metadata import metadata

export_configuration = Table(
    "export_configuration",
    metadata,
    # A row from the first change on; before it, everything is off and empty.
    Column("account", SID, primary_key=True),
    Column("resource_type", TYPE_NAME, primary_key=True),
    Column("enabled_at", Moment),  # null: off; days that end after this moment are exported
    Column("webhook_url", Text, nullable=False),  # empty: none
    Column("webhook_method", String(4), nullable=False),  # the same
    Column("changed_at", Moment, nullable=False),
    # A daily run goes over the enabled ones in the order of their accounts.
    Index(
        "ix_export_configuration_enabled",
        "resource_type",
        "account",
        sqlite_where=text("enabled_at IS NOT NULL"),
        postgresql_where=text("enabled_at IS NOT NULL"),
    ),
)

daily_run = Table(
    "daily_run",
    metadata,
    Column("resource_type", TYPE_NAME, primary_key=True),
    Column("day", DayText, primary_key=True),
    Column("cursor", SID, nullable=False),  # the last account processed; it moves in each publishing commit
    Column("published", BigInteger, nullable=False),  # files so far
    Column("started_at", Moment, nullable=False),  # in the commit of the seal
    Column("not_before", Moment, nullable=False),  # a run that failed waits until then
    Column("finished_at", Moment, index=True),  # a finished run never runs again
    Index(
        "ix_daily_run_unfinished",
        "day",
        "resource_type",
        sqlite_where=text("finished_at IS NULL"),
        postgresql_where=text("finished_at IS NULL"),
    ),
)

daily_withheld = Table(
    "daily_withheld",
    metadata,
    # A daily file that its run passed over, as something of the account's day is damaged: published when it is settled.
    Column("resource_type", TYPE_NAME, primary_key=True),
    Column("day", DayText, primary_key=True),
    Column("account", SID, primary_key=True),
)

job = Table(
    "job",
    metadata,
    Column("sid", SID, primary_key=True),
    Column("account", SID, nullable=False),
    Column("resource_type", TYPE_NAME, nullable=False),
    Column("start_day", DayText, nullable=False),
    Column("end_day", DayText, nullable=False),
    Column("friendly_name", Text, nullable=False),
    Column("webhook_url", Text),
    Column("webhook_method", String(4)),
    Column("email", Text),
    Column("submit_number", BigInteger, nullable=False, unique=True),
    Column("submitted_at", Moment, nullable=False),
    Column("unfinished_days", Integer, nullable=False, server_default="0"),  # those that are not final
    Column("due_at", Moment),  # from when a day of it may be claimed; null: none may
    Column("over_at", Moment, index=True),  # when its last day became final
    Column("final_days", Text),  # with their statuses, from then on; null for jobs from before there was this column
    Column("deleted_at", Moment),  # when its owner deleted it: no longer shown
    Index("ix_job_account", "account", "resource_type", "submit_number"),
    Index(
        "ix_job_unfinished",
        "submit_number",
        sqlite_where=text("over_at IS NULL"),
        postgresql_where=text("over_at IS NULL"),
    ),
)

job_day = Table(
    "job_day",
    metadata,
    Column("job_sid", SID, ForeignKey("job.sid", ondelete="CASCADE"), primary_key=True),
    Column("day", DayText, primary_key=True),
    Column("status", String(32), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("lost", Integer, nullable=False, server_default="0"),
    Column("error", Text),
    Column("not_before", Moment, nullable=False),  # an attempt that failed waits until then
    Column("worker", Text),
    Column("claim_token", BigInteger),  # unlike any other claim's
    Column("leased_until", Moment),
    Column("claimed_at", Moment),  # by the worker that finished it, or holds it now
    Column("finished_at", Moment, index=True),
    Index(
        "ix_job_day_leased",
        "leased_until",
        sqlite_where=text("leased_until IS NOT NULL"),
        postgresql_where=text("leased_until IS NOT NULL"),
    ),
)

quota_day = Table(
    "quota_day",
    metadata,
    Column("root_account", SID, primary_key=True),
    Column("day", DayText, primary_key=True),
    Column("requested", Integer, nullable=False),
)

day_file = Table(
    "day_file",
    metadata,
    Column("account", SID, primary_key=True),
    Column("resource_type", TYPE_NAME, primary_key=True),
    Column("day", DayText, primary_key=True),
    Column("friendly_name", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("sealed_day_id", BigInteger, ForeignKey("sealed_day.id"), index=True),  # null: a day without records
    Column("expires_at", Moment, nullable=False, index=True),
    Index("ix_day_file_generation", "account", "resource_type", "generation", "day"),
)
