"""`dayfile check`: verification of the invariants on a live instance. It only reads, in short keyset reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

from dayfile.checks.clock_state import clock_state
from dayfile.checks.finding import Finding
from dayfile.checks.manifest_check import ManifestCheck
from dayfile.checks.object_check import ObjectCheck
from dayfile.checks.overdue import Overdue
from dayfile.clock import HOSTS_DIFFER, Clock, DatabaseClock
from dayfile.delivery.mail_folder import UnsentLetters
from dayfile.errors import Corrupt, DamagedRow, DatabaseDamaged
from dayfile.files.storage import Storage
from dayfile.files.workplace import Engine
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.export import DayFile, SealedDay
from dayfile.model.secret import InstanceKey, decrypt, login_matches
from dayfile.objects.orphans import Orphans
from dayfile.store.accounts import StoredToken
from dayfile.store.database import Database

_PAGE = 500
_UNREADABLE: Final = f"{DamagedRow.to_do}. What else is wrong may not be found before"


class Check:
    """A search for broken invariants in the state database and the object storage."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        *,
        clock: Clock,
        job_lifetime: timedelta,
        notice_lifetime: timedelta,
        unsent_letters: UnsentLetters,
        scrub_every: timedelta = timedelta(),
        key: InstanceKey | None = None,
        cluster: Engine | None = None,
        cluster_trouble: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Look at an instance; at nothing encrypted without its key, at no scrub with a `scrub_every` of zero.

        With a cluster, its machines read objects to their ends.
        """
        self._database = database
        self._notice_lifetime = notice_lifetime
        self._clock = clock
        self._overdue = Overdue(database, clock=clock, job_lifetime=job_lifetime, scrub_every=scrub_every)
        self._accounts = None if key is None else _AccountCheck(database, key=key)
        self._objects = ObjectCheck(database, storage, cluster=cluster)
        self._cluster_trouble = cluster_trouble
        self._manifests = ManifestCheck(database, storage)
        self._unsent_letters = unsent_letters
        self._orphans = Orphans(database, storage)

    def run(self, *, deep: bool, on_object: Callable[[], None] = lambda: None) -> Iterator[Finding]:
        """Yield a finding for each broken invariant.

        `deep` reads the whole state database, every waiting segment, sealed file and manifest to its end, and looks for
        orphans in the storage; without it only existence and size are checked. Known damages are always included.
        `on_object` is called after each object.
        """
        if deep:
            yield from self._database_file()
        unreadable = self._unreadable_rows()
        yield from unreadable
        try:
            yield from self._readable(deep=deep, on_object=on_object)
        except DamagedRow:
            if not unreadable:  # it says what only its reader knows to be wrong, and the error names it
                raise

    def objects(self) -> int:
        """Return the number of objects that `run` will check."""
        return self._objects.count()

    def _unreadable_rows(self) -> list[Finding]:
        with self._database.snapshot() as tx:
            found = tx.unreadable_rows.find(limit=_PAGE)
        return [
            Finding(
                invariant="what rows say can be read",
                subject=one.name,
                detail=f"what it says in the column {one.column}: {one.reason}. {_UNREADABLE}",
            )
            for one in found
        ]

    def _readable(self, *, deep: bool, on_object: Callable[[], None]) -> Iterator[Finding]:
        """Yield the findings of a database whose rows can be read."""
        yield from self._cluster()
        yield from self._objects.find(deep=deep, on_object=on_object)
        yield from self._manifests.find(deep=deep)
        if deep and self._accounts is not None:
            yield from self._accounts.find()
        yield from self._published()
        yield from self._jobs()
        yield from self._notices()
        yield from self._letters()
        yield from self._overdue.hanging()
        yield from self._host_clock()
        clock = list(self._clock_findings())
        yield from clock
        if not clock:  # under a doubted clock, work waits for it, or "overdue" means nothing
            yield from self._overdue.find()
        if deep:
            yield from self._left_over()

    def _cluster(self) -> Iterator[Finding]:
        trouble = self._cluster_trouble()
        if trouble is not None:
            detail = f"{trouble}. Until then no day is sealed; nothing is lost, and records are taken in"
            yield Finding(invariant="heavy work is done", subject="DAYFILE_ENGINE", detail=detail)

    def _database_file(self) -> Iterator[Finding]:
        found = self._database.damage()
        if found:
            detail = f"{'; '.join(found)}. {DatabaseDamaged.to_do}"
            yield Finding(invariant="the state database is whole", subject="the SQLite file", detail=detail)

    def _published(self) -> Iterator[Finding]:
        """Yield a finding for each day file that does not refer to a sealed day of its own account, type and day."""
        after: tuple[str, str, Day] | None = None
        while True:
            with self._database.snapshot() as tx:
                page = tx.day_files.walk(after=after, limit=_PAGE)
                sealed = tx.sealed_days.of_ids([file.sealed.id for file in page if file.sealed])
            if not page:
                return
            for file in page:
                if file.sealed and not _is_of(sealed.get(file.sealed.id), file):
                    yield Finding(
                        invariant="a published day is a sealed day",
                        subject=f"{file.account} {file.resource_type} {file.day}",
                        detail="what its links lead to is not the account's own file of that day: a bug, report it",
                    )
            after = (page[-1].account, page[-1].resource_type.name, page[-1].day)

    def _jobs(self) -> Iterator[Finding]:
        with self._database.snapshot() as tx:
            unsettled = tx.jobs.unsettled(limit=_PAGE)
        for sid in unsettled:
            yield Finding(
                invariant="a job is what its days say",
                subject=sid,
                detail="its days stand otherwise than its row says: a bug, report it",
            )

    def _clock_findings(self) -> Iterator[Finding]:
        with self._database.snapshot() as tx:
            state = clock_state(tx.clock_marks.find(), self._clock.reading())
        if state.advice is not None:
            yield Finding(invariant="the clock is trusted", subject="the clock of this machine", detail=state.advice)

    def _host_clock(self) -> Iterator[Finding]:
        """Yield a finding if this machine's clock differs from that of the database server, by which Dayfile goes."""
        ahead = self._clock.ahead() if isinstance(self._clock, DatabaseClock) else timedelta(0)
        if abs(ahead) > HOSTS_DIFFER:
            seconds, way = round(abs(ahead).total_seconds()), "ahead of" if ahead > timedelta(0) else "behind"
            yield Finding(
                invariant="hosts agree with the database's clock",
                subject="the clock of this machine",
                detail=f"it is {seconds} seconds {way} the database server's: set one or the other by a time server",
            )

    def _notices(self) -> Iterator[Finding]:
        now = self._clock.now()
        with self._database.snapshot() as tx:
            # Retention may have deleted the notices of older jobs.
            untold = tx.notices.untold(over_since=now - self._notice_lifetime, limit=_PAGE)
            forgotten = tx.notices.forgotten(limit=_PAGE)
        for sid, channel in untold:
            yield Finding(
                invariant="who waits for a job is told",
                subject=sid,
                detail=f"there is no {channel.value}: a bug, report it",
            )
        for event in forgotten:
            yield Finding(
                invariant="a notice is not forgotten",
                subject=event,
                detail="nothing will attempt it, though it is pending: a bug, report it",
            )

    def _letters(self) -> Iterator[Finding]:
        count = self._unsent_letters.count()
        if count:
            lie = "1 letter lies" if count == 1 else f"{count} letters lie"
            yield Finding(
                invariant="who waits for a job is told",
                subject=str(self._unsent_letters.folder),
                detail=f"{lie} there unsent, as no mail server was set. `dayfile notices list --state unsent` names "
                "them. Set DAYFILE_SMTP_URL and tell them again with `dayfile notices replay EV...`, or take them out "
                "of the folder",
            )

    def _left_over(self) -> Iterator[Finding]:
        for key in self._orphans.find():
            yield Finding(
                invariant="no object is left over",
                subject=key,
                detail="nothing refers to it and nothing will delete it. After an older database was restored, it is "
                "what came later, and may be deleted; otherwise it is a bug, report it",
            )
        for key in self._orphans.find_partial():
            yield Finding(
                invariant="no object is left over",
                subject=key,
                detail="its write was interrupted, and its partial file is still there. A worker removes it when it "
                "starts, and once a day: is one running, and what does its log say?",
            )


def _is_of(sealed: SealedDay | None, file: DayFile) -> bool:
    place = file.account, file.resource_type, file.day
    return sealed is not None and (sealed.account, sealed.resource_type, sealed.day) == place


class _AccountCheck:
    """A check that each account can log in with the token that signs its webhooks."""

    def __init__(self, database: Database, *, key: InstanceKey) -> None:
        self._database = database
        self._key = key

    def find(self) -> Iterator[Finding]:
        """Yield a finding for each account whose stored token cannot be decrypted, or does not match its login."""
        after: AccountSid | None = None
        while True:
            with self._database.snapshot() as tx:
                page = tx.accounts.tokens(after=after, limit=_PAGE)
            if not page:
                return
            for sid, token in page:
                reason = self._reason(sid, token)
                if reason:
                    yield Finding(
                        invariant="an account can log in",
                        subject=sid,
                        detail=f"{reason}: give it a new token with `dayfile accounts rotate`",
                        account=sid,
                    )
            after = page[-1][0]

    def _reason(self, sid: AccountSid, token: StoredToken) -> str | None:
        try:
            secret = decrypt(self._key, sid=sid, encrypted=token.encrypted)
        except (Corrupt, ValueError):
            return "its stored token cannot be decrypted, so its webhooks cannot be signed"
        if not login_matches(self._key, sid=sid, secret=secret, stored=[token.login_hash]):
            return "the stored login is not that of its token, which is refused"
        return None
