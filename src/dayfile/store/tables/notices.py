"""Tables of notices: what there is to tell, to whom, and every attempt to tell it.

What a row means is said here; what may happen to it, in the file of its family in the store.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, text

from dayfile.store.columns import SID, TYPE_NAME, DayText, Moment, key_text
from dayfile.store.tables.metadata import metadata

notice = Table(
    "notice",
    metadata,
    Column("sid", SID, primary_key=True),  # EV: the same on every attempt
    Column("account", SID, nullable=False),
    Column("number", BigInteger, nullable=False, unique=True),  # order of events
    Column("event", String(32), nullable=False),  # job.started, job.finished, day.exported
    Column("channel", String(16), nullable=False),  # webhook, mail
    Column("receiver", key_text(2048), nullable=False),  # a URL or an e-mail address
    Column("method", String(4)),  # of a webhook
    Column("resource_type", TYPE_NAME, nullable=False),
    Column("job_sid", SID),  # of a custom job, else null
    Column("day", DayText),  # of a daily file, else null
    Column("generation", BigInteger),  # the same
    Column("content", Text, nullable=False),  # JSON: the fields as they were when it happened
    Column("state", String(16), nullable=False),  # pending, delivered, stopped, exhausted
    Column("attempts", Integer, nullable=False),  # begun so far
    Column("created_at", Moment, nullable=False),
    Column("next_attempt_at", Moment),  # null: no more
    Column("ended_at", Moment),  # delivered, stopped or exhausted
    Column("worker", Text),
    Column("claim_token", BigInteger),  # unlike any other claim's
    Column("leased_until", Moment),
    # One per job and receiver, and one per daily file and receiver, whatever crashes.
    Index("uq_notice_job", "job_sid", "event", "channel", "receiver", unique=True),
    Index("uq_notice_day", "account", "resource_type", "day", "generation", "receiver", unique=True),
    Index("ix_notice_account", "account", "number"),
    Index(
        "ix_notice_pending",
        "next_attempt_at",
        "number",
        sqlite_where=text("state = 'pending'"),
        postgresql_where=text("state = 'pending'"),
    ),
)

attempt = Table(
    "attempt",
    metadata,
    Column("notice_sid", SID, ForeignKey("notice.sid", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),  # 1 for the first
    Column("began_at", Moment, nullable=False),
    Column("duration_ms", BigInteger),  # null: the worker was lost while it ran
    Column("outcome", String(16), nullable=False),  # begun, delivered, failed, stopped
    Column("status", Integer),  # of the answer, if one came
    Column("error", Text),  # what went wrong, if anything did
    Column("answer", LargeBinary),  # its first bytes
)
