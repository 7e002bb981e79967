"""Tables of the instance as a whole: its facts, its counters, its clock mark, its backup that runs, and the audit log.

What a row means is said here; what may happen to it, in the file of its family in the store.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text

from dayfile.store.columns import ROW_ID, Duration, Moment, key_text
from dayfile.store.tables.metadata import metadata

instance = Table(
    "instance",
    metadata,
    Column("name", key_text(64), primary_key=True),  # key_check, minimum_version, id, storage; others of a move
    Column("value", Text, nullable=False),
)

counter = Table(
    "counter",
    metadata,
    # submit, job claim, lane turn: the last number given; taking one locks the row, so numbers commit in their order
    Column("name", key_text(64), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

clock_mark = Table(
    "clock_mark",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # one row: 1
    Column("at", Moment, nullable=False),  # the latest moment that was believed
    Column("passed", Duration, nullable=False),  # has surely passed since then
    Column("boot_id", Text, nullable=False),  # of the last look
    Column("uptime", Duration, nullable=False),  # the same
    Column("said", Moment),  # what a doubted clock said last; null: it is believed
    Column("agreed_for", Duration),  # how long it has agreed with itself
    Column("needed_for", Duration),  # how long it has to
)

worker = Table(
    "worker",
    metadata,
    # Workers that run; one that was killed stays until it is forgotten.
    Column("name", key_text(512), primary_key=True),
    Column("version", Text, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("schema_version", String(32)),  # that it was made for; a trigger refuses older ones, which give none
)

backup = Table(
    "backup",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # one row while a backup runs: 1
    Column("token", Text, nullable=False),  # of the backup that runs; nothing is deleted meanwhile
    Column("leased_until", Moment, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("address", Text, nullable=True),  # of the client; null: done on the instance, or before it was noted
    sqlite_autoincrement=True,
)
