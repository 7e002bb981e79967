"""The outbox: a notice is written in the same commit as the fact that it tells.

So there is no finished job without its notices, and no notice of something that did not happen. Delivery is a separate
stage: a notice that cannot be delivered never changes a job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from dayfile.model.empty import EMPTY_FILE
from dayfile.model.export import DayFile, ExportConfiguration
from dayfile.model.job import Job, JobDay
from dayfile.model.notice import Channel, DayContent, EventSid, JobContent, NewNotice, NoticeEvent
from dayfile.model.secret import Randomness
from dayfile.store.transaction import Transaction

_SID_DIGITS = 32


class Outbox:
    """The writer of notices. Call `wake` after the commit, so that the dispatcher of this process need not poll."""

    def __init__(self, *, randomness: Randomness, start_mails: bool, wake: Callable[[], None]) -> None:
        self._randomness = randomness
        self._start_mails = start_mails
        self.wake = wake

    def job_started(self, tx: Transaction, job: Job, *, now: datetime) -> None:
        """Tell the owner of the account, if it has an e-mail address, that somebody asked for its records."""
        address = tx.accounts.get(job.account).email if self._start_mails else None
        if address:
            started = self._of_job(
                job,
                event=NoticeEvent.JOB_STARTED,
                channel=Channel.MAIL,
                receiver=address,
                content=JobContent.of(job, ()),
            )
            tx.notices.add([started], now=now)

    def job_over(self, tx: Transaction, job: Job, days: Iterable[JobDay], *, now: datetime) -> None:
        """Tell the job's receivers how it ended. No-op if the job was deleted."""
        if job.deleted_at:
            return
        content = JobContent.of(job, days)
        receivers = ((Channel.WEBHOOK, job.webhook_url), (Channel.MAIL, job.email))
        notices = [
            self._of_job(job, event=NoticeEvent.JOB_FINISHED, channel=channel, receiver=receiver, content=content)
            for channel, receiver in receivers
            if receiver
        ]
        tx.notices.add(notices, now=now)

    def days_exported(
        self, tx: Transaction, exported: Iterable[tuple[DayFile, ExportConfiguration]], *, now: datetime
    ) -> None:
        """Tell the webhook of each configuration that has one that its daily file is there."""
        notices = [self._of_day(file, configuration) for file, configuration in exported if configuration.webhook_url]
        tx.notices.add(notices, now=now)

    def _of_day(self, file: DayFile, configuration: ExportConfiguration) -> NewNotice:
        return NewNotice(
            sid=self._new_sid(),
            account=file.account,
            event=NoticeEvent.DAY_EXPORTED,
            channel=Channel.WEBHOOK,
            receiver=configuration.webhook_url,
            method=configuration.webhook_method,
            resource_type=file.resource_type,
            job_sid=None,
            day=file.day,
            generation=file.generation,
            content=DayContent(
                friendly_name=file.friendly_name,
                size_bytes=file.sealed.size_bytes if file.sealed else len(EMPTY_FILE),
            ),
        )

    def _of_job(
        self, job: Job, *, event: NoticeEvent, channel: Channel, receiver: str, content: JobContent
    ) -> NewNotice:
        return NewNotice(
            sid=self._new_sid(),
            account=job.account,
            event=event,
            channel=channel,
            receiver=receiver,
            method=job.webhook_method if channel is Channel.WEBHOOK else None,
            resource_type=job.resource_type,
            job_sid=job.sid,
            day=None,
            generation=None,
            content=content,
        )

    def _new_sid(self) -> EventSid:
        return EventSid("EV" + self._randomness.hex(_SID_DIGITS))
