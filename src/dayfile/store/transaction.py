"""One transaction: a connection and, on it, one object per table family."""

from __future__ import annotations

from functools import cached_property

from sqlalchemy import Connection

from dayfile.store.accounts import Accounts
from dayfile.store.audit import Audit
from dayfile.store.backups import Backups
from dayfile.store.clock_marks import ClockMarks
from dayfile.store.configurations import Configurations
from dayfile.store.daily_runs import DailyRuns
from dayfile.store.damages import Damages
from dayfile.store.day_files import DayFiles
from dayfile.store.departure import Departures
from dayfile.store.instance import Instance
from dayfile.store.job_days import JobDays
from dayfile.store.jobs import Jobs
from dayfile.store.keys import Keys
from dayfile.store.lanes import Lanes
from dayfile.store.listed_jobs import ListedJobs
from dayfile.store.logins import Logins
from dayfile.store.notices import Notices
from dayfile.store.packs import Packs
from dayfile.store.read_objects import ReadObjects
from dayfile.store.receipts import Receipts
from dayfile.store.referred import ReferredObjects
from dayfile.store.rejections import Rejections
from dayfile.store.sealed_days import SealedDays
from dayfile.store.seals import Seals
from dayfile.store.segments import Segments
from dayfile.store.sessions import Sessions
from dayfile.store.unreadable_rows import UnreadableRows
from dayfile.store.uploads import Uploads
from dayfile.store.workers import Workers
from dayfile.store.wrong_times import WrongTimes


class Transaction:
    """All that can be read and written together; made by `Database.transaction` and `Database.snapshot` only."""

    def __init__(self, connection: Connection, *, logins_as_of: int | None = None) -> None:
        """Take a connection, and the number of changes of logins from before it began, if anybody asks for it."""
        self._connection = connection
        self.logins_as_of = logins_as_of

    @property
    def changes_logins(self) -> bool:
        """True if a login may do something else, or nothing, once this is committed."""
        made = vars(self)
        return ("accounts" in made and self.accounts.has_changed) or ("keys" in made and self.keys.has_changed)

    @cached_property
    def accounts(self) -> Accounts:
        return Accounts(self._connection)

    @cached_property
    def keys(self) -> Keys:
        return Keys(self._connection)

    @cached_property
    def logins(self) -> Logins:
        return Logins(self._connection)

    @cached_property
    def sessions(self) -> Sessions:
        return Sessions(self._connection)

    @cached_property
    def receipts(self) -> Receipts:
        return Receipts(self._connection)

    @cached_property
    def rejections(self) -> Rejections:
        return Rejections(self._connection)

    @cached_property
    def segments(self) -> Segments:
        return Segments(self._connection)

    @cached_property
    def uploads(self) -> Uploads:
        return Uploads(self._connection)

    @cached_property
    def seals(self) -> Seals:
        return Seals(self._connection)

    @cached_property
    def sealed_days(self) -> SealedDays:
        return SealedDays(self._connection)

    @cached_property
    def packs(self) -> Packs:
        return Packs(self._connection)

    @cached_property
    def damages(self) -> Damages:
        return Damages(self._connection)

    @cached_property
    def read_objects(self) -> ReadObjects:
        return ReadObjects(self._connection)

    @cached_property
    def configurations(self) -> Configurations:
        return Configurations(self._connection)

    @cached_property
    def daily_runs(self) -> DailyRuns:
        return DailyRuns(self._connection)

    @cached_property
    def day_files(self) -> DayFiles:
        return DayFiles(self._connection)

    @cached_property
    def jobs(self) -> Jobs:
        return Jobs(self._connection)

    @cached_property
    def listed_jobs(self) -> ListedJobs:
        return ListedJobs(self._connection)

    @cached_property
    def job_days(self) -> JobDays:
        return JobDays(self._connection)

    @cached_property
    def notices(self) -> Notices:
        return Notices(self._connection)

    @cached_property
    def lanes(self) -> Lanes:
        return Lanes(self._connection)

    @cached_property
    def instance(self) -> Instance:
        return Instance(self._connection)

    @cached_property
    def departures(self) -> Departures:
        return Departures(self._connection)

    @cached_property
    def audit(self) -> Audit:
        return Audit(self._connection)

    @cached_property
    def backups(self) -> Backups:
        return Backups(self._connection)

    @cached_property
    def referred(self) -> ReferredObjects:
        return ReferredObjects(self._connection)

    @cached_property
    def unreadable_rows(self) -> UnreadableRows:
        return UnreadableRows(self._connection)

    @cached_property
    def clock_marks(self) -> ClockMarks:
        return ClockMarks(self._connection)

    @cached_property
    def wrong_times(self) -> WrongTimes:
        return WrongTimes(self._connection)

    @cached_property
    def workers(self) -> Workers:
        return Workers(self._connection)
