"""An instance whose console is asked: what an operator has after two years of a thousand accounts, loaded in bulk.

Every account sends Messages, every third one Calls, and every tenth records of all types, each day. Every fortieth day
was sealed again for a tenth of its accounts. Every other account has daily exports, and its files stay on the list.
There are jobs and notices of the last weeks, a queue, quotas, an audit log, and segments of yesterday that intake has
taken, with lines that it has refused. Rows of sealed days and files are loaded as columns, what else there is, the
product's own functions write. All packs of files are there, and whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any, Final

from sqlalchemy import Connection, update

from bench.console_rows import load, settle
from bench.intake_records import records
from dayfile.files import gzip
from dayfile.intake.pipeline import IncomingBatch
from dayfile.model.account import AccountSid
from dayfile.model.account_entry import AccountEntry
from dayfile.model.credential import GRANTABLE_SCOPES, Actor, Caller, Scope
from dayfile.model.day import Day, DayRange, last_custom_day
from dayfile.model.job import JobRequest, JobSid, Status
from dayfile.model.notice import Channel, DayContent, EventSid, NewNotice, NoticeEvent, NoticeState, Result
from dayfile.model.resource import CALLS, MESSAGES, RESOURCE_TYPES, ResourceType
from dayfile.objects import layout
from dayfile.service import Service
from dayfile.settings import Settings
from dayfile.store.audit import Deed
from dayfile.store.tables.accounts import account
from dayfile.store.tables.exports import daily_run, day_file, export_configuration, job, job_day, quota_day
from dayfile.store.tables.notices import attempt, lane, notice
from dayfile.store.tables.sealing import day_state, pack, seal, sealed_day
from dayfile.store.transaction import Transaction

HOOK: Final = "https://hooks.example.com/dayfile"
SECOND: Final = timedelta(seconds=1)
_VARIANTS: Final = 7  # of the text of an account: one for each day of the week
_LINES: Final = 20  # the most of one text
_CHUNK: Final = 30  # days in a transaction
_RESEALED: Final = 40  # one day in so many
_JOBS_DAYS: Final = 7
_NOTICES_DAYS: Final = 30
_LINKS_DAYS: Final = 20
_BATCHES: Final = 40
_OWN_JOBS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A customer who asks for pages."""

    sid: AccountSid
    token: str
    last: Day  # the newest that is sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Customers who ask, one with Messages and Calls and one with records of all types, and a key of the operator."""

    usual: Customer
    all_types: Customer
    operator: tuple[str, str]


def make(settings: Settings, *, accounts: int, days: int) -> Asking:
    """Make the instance."""
    last = last_custom_day(datetime.now(UTC))
    with Service.open(settings) as service:
        sids = [AccountSid(f"AC{hashlib.md5(str(number).encode()).hexdigest()}") for number in range(accounts)]  # noqa: S324 - a name
        entries = [
            AccountEntry(sid=sid, token=None, parent=None, state=None, friendly_name=f"Customer {number}", email=None)
            for number, sid in enumerate(sids)
        ]
        tokens = service.administration.bring(entries, keep_old_for=timedelta(0)).new_tokens
        of_kinds = [_Kind(kind, _senders(kind, sids), daily=frozenset(sids[::2])) for kind in RESOURCE_TYPES]
        with service.database.exclusively() as connection:
            _configure(connection, sids, now=service.clock.now())
        _seal(service, of_kinds, DayRange(first=last - (days - 1), last=last))
        _jobs(service, sids, last)
        _notices(service, sids, last)
        _audit(service, sids, last)
        _wait(service, sids)
        settle(service.database, (seal, pack, sealed_day))
        usual, full = sids[6], sids[0]
        operator = service.administration.create_key(account=None, scopes=sorted(GRANTABLE_SCOPES, key=str))
        return Asking(
            usual=Customer(sid=usual, token=tokens[usual], last=last),
            all_types=Customer(sid=full, token=tokens[full], last=last),
            operator=(operator.key.sid, operator.secret),
        )


def _senders(kind: ResourceType, sids: Sequence[AccountSid]) -> Sequence[AccountSid]:
    return sids[:: 1 if kind == MESSAGES else 3 if kind == CALLS else 10]


class _Kind:
    """The days of one type: their texts, made once for each day of the week, and the ids of their rows."""

    def __init__(self, kind: ResourceType, sids: Sequence[AccountSid], *, daily: frozenset[AccountSid]) -> None:
        self.kind = kind
        self.sids = sids
        self.daily = [at for at, sid in enumerate(sids) if sid in daily]
        self.texts = [_Texts(kind, sids, number) for number in range(_VARIANTS)]


class _Texts:
    """The files of all accounts of one day of the week, and the columns that say what they are."""

    def __init__(self, kind: ResourceType, sids: Sequence[AccountSid], number: int) -> None:
        made, counts = [], [1 + (7 * at + 3 * number) % _LINES for at in range(len(sids))]
        for sid, count in zip(sids, counts, strict=True):
            lines = (f'{{"sid":"{kind}{line:028x}","account_sid":"{sid}","n":{number}}}\n' for line in range(count))
            made.append(gzip.compress(["".join(lines).encode()]))
        self.members = [data for data, _ in made]
        digests = [digest for _, digest in made]
        self.columns: dict[str, Sequence[Any]] = {
            "records": counts,
            "size_bytes": [one.size_bytes for one in digests],
            "plain_bytes": [one.plain_bytes for one in digests],
            "sha256": [one.sha256 for one in digests],
            "plain_sha256": [one.plain_sha256 for one in digests],
            "encoder": [one.encoder for one in digests],
        }

    def of(self, places: Sequence[int]) -> tuple[dict[str, Sequence[Any]], list[bytes]]:
        """Return the columns and the files of some of the accounts."""
        columns = {name: [values[at] for at in places] for name, values in self.columns.items()}
        return columns, [self.members[at] for at in places]


def _configure(connection: Connection, sids: Sequence[AccountSid], *, now: datetime) -> None:
    long_ago = now - timedelta(days=1000)
    enabled = [(sid, kind) for sid in sids[::2] for kind in RESOURCE_TYPES]
    load(
        connection,
        export_configuration,
        {"account": [sid for sid, _ in enabled], "resource_type": [kind.name for _, kind in enabled]},
        enabled_at=long_ago,
        webhook_url=HOOK,
        webhook_method="POST",
        changed_at=long_ago,
    )
    load(connection, quota_day, {"root_account": sids}, day=Day.of(now), requested=_JOBS_DAYS)


def _seal(service: Service, kinds: Sequence[_Kind], days: DayRange) -> None:
    """Seal all days, the oldest first, and publish the daily files of each."""
    loader, ordered = _Loader(service), list(days)
    for start in range(0, len(ordered), _CHUNK):
        with service.database.exclusively() as connection:
            for day in ordered[start : start + _CHUNK]:
                for of_kind in kinds:
                    loader.load_day(connection, of_kind, day)
    with service.database.exclusively() as connection:
        connection.execute(update(account).values(generation=len(ordered)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _NewSeal:
    """A seal to be loaded: of a day, with these texts of the accounts at these places."""

    of_kind: _Kind
    day: Day
    texts: _Texts
    places: Sequence[int]
    revision: int
    now: datetime


class _Loader:
    """The loading of sealed days: it numbers seals, packs and sealed days from 1 on."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._seals = self._sealed = self._days = 0
        self._first: Day | None = None

    def load_day(self, connection: Connection, of_kind: _Kind, day: Day) -> None:
        """Load one day: its seal, its files, and those that are on lists; at times a second seal of a few accounts."""
        texts, everybody = of_kind.texts[day.date.weekday()], range(len(of_kind.sids))
        sealed_at = day.end + timedelta(hours=1)
        first = _NewSeal(of_kind=of_kind, day=day, texts=texts, places=everybody, revision=1, now=sealed_at)
        ids = self._load_seal(connection, first)
        self._publish(connection, of_kind, day, {at: ids[at] for at in of_kind.daily}, now=sealed_at)
        load(
            connection,
            day_state,
            {"day": [day]},
            resource_type=of_kind.kind.name,
            state="sealed",
            sealed_at=sealed_at,
        )
        run = {"cursor": "~", "published": len(of_kind.daily), "started_at": sealed_at, "not_before": sealed_at}
        load(connection, daily_run, {"day": [day]}, resource_type=of_kind.kind.name, finished_at=sealed_at, **run)
        if day.date.toordinal() % _RESEALED == 0:
            late, again = everybody[::10], sealed_at + timedelta(hours=8)
            other = of_kind.texts[(day.date.weekday() + 1) % _VARIANTS]
            second = _NewSeal(of_kind=of_kind, day=day, texts=other, places=late, revision=2, now=again)
            self._load_seal(connection, second)
            gone = update(sealed_day).where(sealed_day.c.id.in_([ids[at] for at in late]))
            connection.execute(gone.values(superseded_by=self._seals))

    def _load_seal(self, connection: Connection, new: _NewSeal) -> dict[int, int]:
        """Load a seal with a pack of files; return the id of the file of each account that is in it."""
        self._seals += 1
        number, mark, prefix = self._seals, f"{self._seals:016x}", layout.sealed_prefix(new.of_kind.kind, new.day)
        columns, members = new.texts.of(new.places)
        sids, offsets = [new.of_kind.sids[at] for at in new.places], list(accumulate(map(len, members), initial=0))
        ids, key = list(range(self._sealed + 1, self._sealed + 1 + len(sids))), layout.pack_key(prefix, 1, unique=mark)
        self._sealed += len(sids)
        of_day = {"resource_type": new.of_kind.kind.name, "day": new.day}
        done = {"state": "committed", "leased_until": new.now, "started_at": new.now, "committed_at": new.now}
        marked = {"mark": mark, "marker_key": layout.seal_marker_key(prefix, mark, unique=mark)}
        load(connection, seal, {"id": [number]}, worker="bench", upload_id=number, **done, **marked, **of_day)
        size = {"size_bytes": offsets[-1], "live_bytes": offsets[-1], "live_files": len(sids)}
        load(connection, pack, {"id": [number], "object_key": [key]}, state="live", **size, **of_day)
        keys = [layout.sealed_key(prefix, sid, revision=new.revision, unique=mark) for sid in sids]
        own = {"id": ids, "account": sids, "file_key": keys, "pack_offset": offsets[:-1]}
        times = {"first_created_at": new.day.start, "last_created_at": new.day.end - SECOND, "sealed_at": new.now}
        of_seal = {"seal_id": number, "pack_id": number, "revision": new.revision}
        load(connection, sealed_day, own | columns, is_incomplete=False, **of_seal, **times, **of_day)
        self._service.storage.put(key, members)
        return dict(zip(new.places, ids, strict=True))

    def _publish(self, connection: Connection, of_kind: _Kind, day: Day, ids: dict[int, int], *, now: datetime) -> None:
        self._first = self._first or day
        load(
            connection,
            day_file,
            {"account": [of_kind.sids[at] for at in ids], "sealed_day_id": list(ids.values())},
            resource_type=of_kind.kind.name,
            day=day,
            friendly_name="Daily export",
            created_at=now,
            generation=(day.date - self._first.date).days + 1,
            expires_at=now + self._service.settings.file_lifetime,
        )


def _jobs(service: Service, sids: Sequence[AccountSid], last: Day) -> None:
    """Submit jobs of the last week; all but a few are over. The customers have more of them, and one is of a year."""
    own = [sid for sid in (sids[0], sids[6]) for _ in range(_OWN_JOBS)]
    asked = [(sid, _JOBS_DAYS) for sid in [*sids, *sids, *own]] + [(sids[6], 366)]
    waiting = [(sid, _JOBS_DAYS) for sid in sids[6:11]]
    now, over_at = service.clock.now(), service.clock.now() - timedelta(hours=20)
    with service.database.transaction() as tx:
        for number, (sid, length) in enumerate(asked):
            _submit(tx, number, sid, DayRange(first=last - (length - 1), last=last), now=over_at)
    with service.database.exclusively() as connection:
        connection.execute(update(job_day).values(status=Status.COMPLETED.value, attempt=1, finished_at=over_at))
        connection.execute(update(job).values(over_at=over_at, unfinished_days=0, due_at=None))
    with service.database.transaction() as tx:
        for number, (sid, length) in enumerate(waiting, start=len(asked)):
            _submit(tx, number, sid, DayRange(first=last - (length - 1), last=last), now=now)


def _submit(tx: Transaction, number: int, sid: AccountSid, days: DayRange, *, now: datetime) -> None:
    request = JobRequest(
        account=sid,
        root_account=sid,
        resource_type=MESSAGES,
        days=days,
        friendly_name=f"Export {number}",
        webhook_url=HOOK,
        webhook_method="POST",
        email=None,
    )
    tx.jobs.submit(JobSid(f"JS{number:032x}"), request, now=now)


def _notices(service: Service, sids: Sequence[AccountSid], last: Day) -> None:
    """Write the notices of the last month, each with an attempt that has delivered it."""
    now = service.clock.now()
    told = list(_new_notices(sids[::2], DayRange(first=last - (_NOTICES_DAYS - 1), last=last)))
    with service.database.transaction() as tx:
        tx.notices.add(told, now=now)
    with service.database.exclusively() as connection:
        connection.execute(
            update(notice).values(state=NoticeState.DELIVERED.value, attempts=1, next_attempt_at=None, ended_at=now)
        )
        connection.execute(update(lane).values(due_at=None, health="prompt"))
        made = {"notice_sid": [one.sid for one in told], "number": [1] * len(told)}
        answered = {"began_at": now, "duration_ms": 12, "outcome": Result.DELIVERED.value, "status": 200}
        load(connection, attempt, made, **answered)


def _new_notices(sids: Sequence[AccountSid], days: DayRange) -> Iterator[NewNotice]:
    for number, day in enumerate(days, start=1):
        for sid in sids:
            yield NewNotice(
                sid=EventSid(f"EV{hashlib.md5(f'{sid}{day}'.encode()).hexdigest()}"),  # noqa: S324 - a name
                account=sid,
                event=NoticeEvent.DAY_EXPORTED,
                channel=Channel.WEBHOOK,
                receiver=HOOK,
                method="POST",
                resource_type=MESSAGES,
                job_sid=None,
                day=day,
                generation=number,
                content=DayContent(friendly_name="Daily export", size_bytes=1234),
            )


def _audit(service: Service, sids: Sequence[AccountSid], last: Day) -> None:
    def deed(sid: AccountSid, day: Day) -> Deed:
        by = Actor(name=sid, address="192.0.2.7")
        return Deed.by(by, action="link.given", subject=f"{sid}/{MESSAGES}/{day}/revision-1", at=service.clock.now())

    with service.database.transaction() as tx:
        tx.audit.add_all([deed(sid, last - number) for number in range(_LINKS_DAYS) for sid in sids])


def _wait(service: Service, sids: Sequence[AccountSid]) -> None:
    """Take in records of yesterday, and lines that are no records."""
    caller = Caller(credential="SK" + "0" * 32, account=None, scopes=frozenset(Scope), permissions=frozenset())
    for number in range(_BATCHES):
        lines = [*records(sids, lines=250, seed=number), b'{"sid": "SM1"}\n']
        batch = IncomingBatch(
            caller=caller,
            resource_type=MESSAGES,
            blocks=iter([b"".join(lines)]),
            compression=None,
            idempotency_key=None,
        )
        service.intake.accept(batch)
