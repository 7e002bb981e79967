"""An instance to ask: accounts with a year of days each, small files in packs, one large file, and jobs that are over.

The rows are those that sealing and publishing make; the files are real, and few of them differ.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from dayfile.files import gzip
from dayfile.model.account import AccountSid
from dayfile.model.account_entry import AccountEntry
from dayfile.model.day import Day, DayRange, last_custom_day
from dayfile.model.export import DayFile, NewSealedDay, SealedDay
from dayfile.model.job import JobRequest, JobSid
from dayfile.model.resource import CALLS, MESSAGES, ResourceType
from dayfile.model.seal import SealClaim
from dayfile.service import Service
from dayfile.settings import Settings

LEASE: Final = timedelta(hours=1)
LIFETIME: Final = timedelta(days=3000)
LINKS_FOR: Final = timedelta(hours=12)
ASKING: Final = 50  # accounts that ask
JOBS: Final = 10  # of each of them
RECORDS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A customer, and the things that they ask for."""

    logins: Sequence[tuple[AccountSid, str]]
    last: Day  # the newest day of all of them
    job: JobSid  # the first of the first account


def make(settings: Settings, *, accounts: int, days: int, large_mb: int) -> Asked:
    """Make the instance: every account has a small file of every day, the first a large one of its calls, too."""
    last = last_custom_day(datetime.now(UTC))
    with Service.open(settings) as service:
        sids = [AccountSid(f"AC{hashlib.md5(str(number).encode()).hexdigest()}") for number in range(accounts)]  # noqa: S324 - a name
        brought = service.administration.bring([_entry(sid) for sid in sids], keep_old_for=timedelta(0))
        for day in DayRange(first=last - (days - 1), last=last):
            _publish(service, _small(service, sids, day))
        _publish(service, _large(service, sids[0], last, large_mb * 1_000_000))
        with service.database.transaction() as tx:
            for number in range(ASKING * JOBS):
                request = _request(sids[number % ASKING], DayRange(first=last - 2, last=last))
                tx.jobs.submit(JobSid(f"JS{number:032x}"), request, now=service.clock.now())
        return Asked(
            logins=[(sid, brought.new_tokens[sid]) for sid in sids[:ASKING]], last=last, job=JobSid(f"JS{0:032x}")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sealed:
    """A day to be recorded: a claim, its files and the sizes of its packs."""

    claim: SealClaim
    files: Sequence[NewSealedDay]
    packs: dict[str, int]


def _small(service: Service, sids: Sequence[AccountSid], day: Day) -> _Sealed:
    """A small file for every account, in one pack."""
    claim = _claim(service, MESSAGES, day)
    pack = f"sealed/type={MESSAGES}/day={day}/pack-0-{claim.mark}"
    members: list[bytes] = []
    files, at = [], 0
    for sid in sids:
        lines = (f'{{"sid":"SM{number:032x}","account_sid":"{sid}","day":"{day}"}}\n' for number in range(RECORDS))
        data, digest = gzip.compress(["".join(lines).encode()])
        members.append(data)
        files.append(_manifest(_key(claim, sid), sid, day, digest)._replace(pack_key=pack, pack_offset=at))
        at += len(data)
    service.storage.put(pack, members)
    return _Sealed(claim=claim, files=files, packs={pack: at})


def _large(service: Service, sid: AccountSid, day: Day, size: int) -> _Sealed:
    """A large file, with an object of its own; its bytes are no gzip, which nobody looks at."""
    claim, data = _claim(service, CALLS, day), random.Random(1).randbytes(size)
    digest = gzip.Digest(
        size_bytes=size,
        plain_bytes=size,
        sha256=hashlib.sha256(data).hexdigest(),
        plain_sha256="0" * 64,
        encoder="none",
    )
    key = _key(claim, sid)
    service.storage.put(key, [data])
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


def _publish(service: Service, made: _Sealed) -> None:
    """Make the files of a day count, and put them on the lists."""
    now, claim = service.clock.now(), made.claim
    with service.database.transaction() as tx:
        tx.sealed_days.add(claim, made.files, packs=made.packs, now=now)
        tx.seals.commit(claim, now=now)
        tx.uploads.go_live([claim.upload_id], now=now)
        sealed = tx.sealed_days.of_day(claim.resource_type, claim.day)
        generations = tx.accounts.next_generations(sealed)
        tx.day_files.publish(
            [_day_file(one, generation=generations[sid], now=now) for sid, one in sealed.items()], now=now
        )


def _day_file(sealed: SealedDay, *, generation: int, now: datetime) -> DayFile:
    return DayFile(
        account=sealed.account,
        resource_type=sealed.resource_type,
        day=sealed.day,
        friendly_name="Daily export",
        created_at=now,
        generation=generation,
        sealed=sealed,
        expires_at=now + LIFETIME,
    )


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
