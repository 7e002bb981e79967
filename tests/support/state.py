"""A real state database in a temporary folder, and rows to begin with."""

from __future__ import annotations

import functools
import hashlib
import tempfile
from contextlib import closing
from datetime import datetime
from pathlib import Path

from dayfile.model.account import Account, AccountSid, AccountState, pack_accounts
from dayfile.model.day import Day, DayRange
from dayfile.model.job import Job, JobRequest, JobSid
from dayfile.model.resource import MESSAGES, ResourceType
from dayfile.model.secret import InstanceKey, encrypt, login_hash
from dayfile.model.segment import NewSegment, SegmentKind
from dayfile.store import schema
from dayfile.store.database import Database
from tests.support.clock import NOON

KEY_TEXT = "6b" * 32
KEY = InstanceKey.parse(KEY_TEXT)
AUTH_TOKEN = "the account's token"


def a_database(folder: Path) -> Database:
    """The SQLite database of a folder: one with the newest schema, new if there is none yet."""
    return Database.connect(a_sqlite_url(folder))


def a_sqlite_url(folder: Path) -> str:
    """The URL of that database, which is there then. It is a copy of one that was made once: migrations take long."""
    file = folder / "dayfile.sqlite"
    if not file.exists():
        file.write_bytes(_empty_database())
        file.chmod(0o600)  # as the product makes it
    return f"sqlite:///{file}"


@functools.cache
def _empty_database() -> bytes:
    with tempfile.TemporaryDirectory(prefix="dayfile-") as folder:
        file = Path(folder) / "dayfile.sqlite"
        with closing(Database.connect(f"sqlite:///{file}")) as database:
            schema.migrate(database)
        return file.read_bytes()


def a_sid(prefix: str, name: str) -> str:
    """The sid that a test means by a name: the same for the same name."""
    return prefix + hashlib.sha256(name.encode()).hexdigest()[:32]


def an_account(
    database: Database,
    name: str = "acme",
    *,
    parent: AccountSid | None = None,
    email: str | None = None,
    now: datetime = NOON,
) -> Account:
    """An account that is there."""
    account = Account(
        sid=AccountSid(a_sid("AC", name)),
        parent=parent,
        state=AccountState.ACTIVE,
        friendly_name=name,
        email=email,
        created_at=now,
    )
    token = encrypt(KEY, sid=account.sid, secret=AUTH_TOKEN, nonce=b"n" * 12)
    with database.transaction() as tx:
        tx.accounts.add(account, login_hash=login_hash(KEY, sid=account.sid, secret=AUTH_TOKEN), encrypted_token=token)
    return account


def a_job_request(
    account: Account, first: str = "2026-11-01", last: str = "2026-11-03", *, resource_type: ResourceType = MESSAGES
) -> JobRequest:
    """Return a request that a customer might make."""
    return JobRequest(
        account=account.sid,
        root_account=account.root,
        resource_type=resource_type,
        days=DayRange(first=Day.parse(first), last=Day.parse(last)),
        friendly_name="a job",
        webhook_url=None,
        webhook_method=None,
        email=None,
    )


def a_job(database: Database, request: JobRequest, name: str = "job", *, now: datetime = NOON) -> Job:
    """A job in the queue."""
    with database.transaction() as tx:
        return tx.jobs.submit(JobSid(a_sid("JS", name)), request, now=now)


def a_segment(
    account: AccountSid, day: str = "2026-11-01", *, resource_type: ResourceType = MESSAGES, key: str | None = None
) -> NewSegment:
    """A small segment, inline unless it has a key."""
    return NewSegment(
        resource_type=resource_type,
        day=Day.parse(day),
        kind=SegmentKind.FULL,
        key=key,
        inline=None if key else b"lines",
        records=1,
        plain_bytes=5,
        stored_bytes=5,
        accounts=pack_accounts([account]),
    )
