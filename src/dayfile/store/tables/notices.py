"""Tables of notices: messages, their receivers, and every attempt to deliver them.

What a row means is said here; what may happen to it, in the file of its family in the store.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, text

from dayfile.store.columns import ROW_ID, SID, TYPE_NAME, DayText, Moment, key_text
from dayfile.store.tables.metadata import metadata

lane = Table(
    "lane",
    metadata,
    # The notices of one account for one host. It is claimed as a whole: one attempt at a time, in order.
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("account", SID, nullable=False),
    Column("channel", String(16), nullable=False),  # webhook, mail
    Column("host", key_text(2048), nullable=False),  # scheme, name and port of a URL; domain of an address
    Column("standing", String(16), key="health", nullable=False),  # new, prompt, troubled: from its last attempt
    Column("failures", Integer, nullable=False),  # in a row
    Column("rests_until", Moment),  # null: it need not
    Column("due_at", Moment),  # when it may be claimed; null: nothing is pending
    Column("served", BigInteger, nullable=False),  # token of its last claim: claims go round by it
    Column("worker", Text),
    Column("claim_token", BigInteger),  # unlike any other claim's
    Column("leased_until", Moment),
    Index("uq_lane_key", "account", "channel", "host", unique=True),
    Index("ix_lane_served", "account", "served"),
    Index(
        "ix_lane_due",
        "due_at",
        sqlite_where=text("due_at IS NOT NULL"),
        postgresql_where=text("due_at IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

_PENDING = text("state = 'pending'")
_UNSENT = text("state = 'unsent'")

notice = Table(
    "notice",
    metadata,
    # Order of events: taken under the lock of its lane, so that in a lane the numbers commit in their order.
    Column("number", ROW_ID, primary_key=True, autoincrement=True),
    Column("sid", SID, nullable=False, unique=True),  # EV: the same on every attempt
    Column("account", SID, nullable=False),
    Column("lane_id", BigInteger, ForeignKey("lane.id"), nullable=False, index=True),
    Column("event", String(32), nullable=False),  # job.started, job.finished, day.exported
    Column("channel", String(16), nullable=False),  # webhook, mail
    Column("receiver", Text, nullable=False),  # a URL or an e-mail address
    Column("method", String(4)),  # of a webhook
    Column("resource_type", TYPE_NAME, nullable=False),
    Column("job_sid", SID),  # of a custom job, else null
    Column("day", DayText),  # of a daily file, else null
    Column("generation", BigInteger),  # the same
    Column("content", Text, nullable=False),  # JSON: the fields as they were when it happened
    Column("state", String(16), nullable=False),  # pending, delivered, stopped, exhausted, unsent
    Column("attempts", Integer, nullable=False),  # begun since it was written or last replayed
    Column("created_at", Moment, nullable=False),
    Column("gives_up_at", Moment, nullable=False),  # exhausted then, if its host is still down
    Column("next_attempt_at", Moment),  # null: no more
    Column("ended_at", Moment),  # when it left the state pending
    # One per job, channel and event, and one per daily file and channel, whatever crashes.
    Index("uq_notice_job", "job_sid", "event", "channel", unique=True),
    Index("uq_notice_day", "account", "resource_type", "day", "generation", "channel", unique=True),
    Index("ix_notice_account", "account", "number"),
    Index("ix_notice_pending", "lane_id", "number", sqlite_where=_PENDING, postgresql_where=_PENDING),
    Index("ix_notice_next", "lane_id", "next_attempt_at", sqlite_where=_PENDING, postgresql_where=_PENDING),
    Index("ix_notice_unsent", "number", sqlite_where=_UNSENT, postgresql_where=_UNSENT),
    Index(
        "ix_notice_ended",
        "ended_at",
        sqlite_where=text("ended_at IS NOT NULL"),
        postgresql_where=text("ended_at IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

attempt = Table(
    "attempt",
    metadata,
    Column("notice_sid", SID, ForeignKey("notice.sid", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),  # 1 for the first
    Column("began_at", Moment, nullable=False),
    Column("duration_ms", BigInteger),  # null: it is under way, or the worker was lost while it ran
    Column("outcome", String(16), nullable=False),  # begun, delivered, failed, stopped, unsent
    Column("status", Integer),  # of the answer, if one came
    Column("error", Text),  # what went wrong, if anything did
    Column("answer", LargeBinary),  # its first bytes
)
