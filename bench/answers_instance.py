"""An instance to ask: accounts with a year of days each, small files in packs, one large file, and jobs that are over.

The rows are those that sealing and publishing make, but made in bulk; the files are real, and few of them differ.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
import xxhash
from sqlalchemy import func, insert, literal, select, update

from dayfile.files import gzip
from dayfile.model.account import AccountSid
from dayfile.model.account_entry import AccountEntry
from dayfile.model.day import Day, DayRange, last_custom_day
from dayfile.model.export import NewSealedDay
from dayfile.model.job import JobRequest, JobSid
from dayfile.model.resource import CALLS, MESSAGES, ResourceType
from dayfile.model.seal import SealClaim
from dayfile.service import Service
from dayfile.settings import Settings
from dayfile.store.tables.accounts import account
from dayfile.store.tables.exports import day_file
from dayfile.store.tables.sealing import sealed_day

LEASE: Final = timedelta(hours=1)
LIFETIME: Final = timedelta(days=3000)
LINKS_FOR: Final = timedelta(hours=12)
ASKING: Final = 50  # accounts that ask
JOBS: Final = 10  # of each of them
RECORDS: Final = 10
BLOCK_BYTES: Final = 1_000_000  # of the large file, which is one block again and again
TOGETHER: Final = 30  # days that one commit seals


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The customers, and the things that they ask for."""

    logins: Sequence[tuple[AccountSid, str]]
    others: Sequence[tuple[AccountSid, str]]  # who have no jobs
    last: Day  # the newest day of all of them
    job: JobSid  # the first of the first account


def make(settings: Settings, *, accounts: int, days: int, large_mb: int) -> Asked:
    """Make the instance: every account has a small file of every day, the first a large one of its calls, too."""
    last = last_custom_day(datetime.now(UTC))
    with Service.open(settings) as service:
        sids = [AccountSid(f"AC{hashlib.md5(str(number).encode()).hexdigest()}") for number in range(accounts)]  # noqa: S324 - a name
        brought = service.administration.bring([_entry(sid) for sid in sids], keep_old_for=timedelta(0))
        members = [_member(sid) for sid in sids]
        every = list(DayRange(first=last - (days - 1), last=last))
        for start in range(0, days, TOGETHER):
            _seal(service, [_small(service, sids, members, day) for day in every[start : start + TOGETHER]])
        _seal(service, [_large(service, sids[0], last, blocks=large_mb)])
        _publish(service)
        with service.database.transaction() as tx:
            for number in range(ASKING * JOBS):
                request = _request(sids[number % ASKING], DayRange(first=last - 2, last=last))
                tx.jobs.submit(JobSid(f"JS{number:032x}"), request, now=service.clock.now())
        logins = [(sid, brought.new_tokens[sid]) for sid in sids]
        return Asked(logins=logins[:ASKING], others=logins[ASKING:], last=last, job=JobSid(f"JS{0:032x}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sealed:
    """A day to be recorded: a claim, its files and the sizes of its packs."""

    claim: SealClaim
    files: Sequence[NewSealedDay]
    packs: dict[str, int]


def _member(sid: AccountSid) -> tuple[bytes, gzip.Digest]:
    """A small file of an account, the same on every day: to compress each by itself would take most of the time."""
    lines = (f'{{"sid":"SM{number:032x}","account_sid":"{sid}"}}\n' for number in range(RECORDS))
    return gzip.compress(["".join(lines).encode()])


def _small(
    service: Service, sids: Sequence[AccountSid], members: Sequence[tuple[bytes, gzip.Digest]], day: Day
) -> _Sealed:
    """A small file for every account, in one pack."""
    claim = _claim(service, MESSAGES, day)
    pack = f"sealed/type={MESSAGES}/day={day}/pack-0-{claim.mark}"
    files, at = [], 0
    for sid, (data, digest) in zip(sids, members, strict=True):
        made = _manifest(_key(claim, sid), sid, day, digest)
        files.append(msgspec.structs.replace(made, pack_key=pack, pack_offset=at))
        at += len(data)
    service.storage.put(pack, [data for data, _ in members])
    return _Sealed(claim=claim, files=files, packs={pack: at})


def _large(service: Service, sid: AccountSid, day: Day, *, blocks: int) -> _Sealed:
    """A large file, with an object of its own; its bytes are no gzip, which nobody looks at."""
    claim, data = _claim(service, CALLS, day), [random.Random(1).randbytes(BLOCK_BYTES)] * blocks
    sha256, xxh3 = hashlib.sha256(), xxhash.xxh3_128()
    for block in data:
        sha256.update(block)
        xxh3.update(block)
    size = blocks * BLOCK_BYTES
    digest = gzip.Digest(
        size_bytes=size,
        plain_bytes=size,
        sha256=sha256.hexdigest(),
        plain_sha256="0" * 64,
        encoder="none",
        xxh3=xxh3.hexdigest(),
    )
    key = _key(claim, sid)
    service.storage.put(key, data)
    return _Sealed(claim=claim, files=[_manifest(key, sid, day, digest)], packs={})


def _key(claim: SealClaim, sid: AccountSid) -> str:
    return f"sealed/type={claim.resource_type}/day={claim.day}/account={sid}/revision-1-{claim.mark}.json.gz"


def _manifest(key: str, sid: AccountSid, day: Day, digest: gzip.Digest) -> NewSealedDay:
    return NewSealedDay(
        account=sid,
        revision=1,
        key=key,
        records=RECORDS,
        size_bytes=digest.size_bytes,
        plain_bytes=digest.plain_bytes,
        sha256=digest.sha256,
        plain_sha256=digest.plain_sha256,
        encoder=digest.encoder,
        xxh3=digest.xxh3,
        first_created_at=day.start,
        last_created_at=day.end - timedelta(seconds=1),
    )


def _claim(service: Service, resource_type: ResourceType, day: Day) -> SealClaim:
    now, mark = service.clock.now(), service.randomness.hex(16)
    with service.database.transaction() as tx:
        upload_id = tx.uploads.begin(f"sealed/type={resource_type}/day={day}/", mark=mark, now=now)
        claim = tx.seals.claim(
            resource_type, day, worker="bench", upload_id=upload_id, mark=mark, leased_until=now + LEASE, now=now
        )
    if claim is None:
        raise RuntimeError(f"somebody else seals {day}")
    return claim


def _seal(service: Service, days: Sequence[_Sealed]) -> None:
    """Make the files of some days count, in one commit."""
    now = service.clock.now()
    with service.database.transaction() as tx:
        for made in days:
            tx.sealed_days.add(made.claim, made.files, packs=made.packs, now=now)
            tx.seals.commit(made.claim, now=now)
        tx.uploads.go_live([made.claim.upload_id for made in days], now=now)


def _publish(service: Service) -> None:
    """Put every sealed day on the list of its account, by one statement: its rows come in the order of their key."""
    now = service.clock.now()
    order = func.row_number().over(partition_by=sealed_day.c.account, order_by=(sealed_day.c.day, sealed_day.c.id))
    row = {
        "account": sealed_day.c.account,
        "resource_type": sealed_day.c.resource_type,
        "day": sealed_day.c.day,
        "friendly_name": literal("Daily export"),
        "created_at": literal(now, day_file.c.created_at.type),
        "generation": order,
        "sealed_day_id": sealed_day.c.id,
        "expires_at": literal(now + LIFETIME, day_file.c.expires_at.type),
    }
    every = select(*row.values()).order_by(sealed_day.c.account, sealed_day.c.resource_type, sealed_day.c.day)
    newest = select(func.max(day_file.c.generation)).where(day_file.c.account == account.c.sid).scalar_subquery()
    with service.database.exclusively() as connection:
        connection.execute(insert(day_file).from_select(list(row), every))
        connection.execute(update(account).values(generation=func.coalesce(newest, 0)))
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE")  # as its autovacuum would have by the time that there are so many


def _request(sid: AccountSid, days: DayRange) -> JobRequest:
    return JobRequest(
        account=sid,
        root_account=sid,
        resource_type=MESSAGES,
        days=days,
        friendly_name="a job",
        webhook_url=None,
        webhook_method=None,
        email=None,
    )


def _entry(sid: AccountSid) -> AccountEntry:
    return AccountEntry(sid=sid, token=None, parent=None, state=None, friendly_name=None, email=None)
