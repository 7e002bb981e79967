"""The demo in acts. Expected results are computed from the records that were sent, never taken from the server."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from dayfile.client.answers import RemoteJob, RemoteReceipt
from dayfile.client.client import Client
from dayfile.client.download import Downloaded
from dayfile.clock import Clock
from dayfile.demo.customers import Comparison, Customers, sha256_of_all
from dayfile.demo.expectation import Expectation, Place
from dayfile.demo.instance import Cast, Member
from dayfile.demo.platform import Batch, Platform, batches
from dayfile.demo.traffic import Traffic
from dayfile.errors import NotFound
from dayfile.model.day import DayRange
from dayfile.model.quantity import count_text, size_text
from dayfile.model.resource import MESSAGES, RESOURCE_TYPES, ResourceType

_YEAR_DAYS = 366
_FIRST_LINES = 2
_LOOK_SECONDS = 0.005
_SHOWN_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One claim: the expected value, computed without the server, and the actual one."""

    claim: str
    expected: str
    found: str

    @property
    def holds(self) -> bool:
        """True if both values are the same."""
        return self.expected == self.found


class Bar(Protocol):
    """A progress bar."""

    def advance(self, amount: int) -> None:
        """Add `amount` to the progress."""

    def reach(self, amount: int, total: int | None) -> None:
        """Set the progress to `amount` of `total`; None if the total is unknown."""


class Display(Protocol):
    """The place where the story is shown, as it goes."""

    def heading(self, text: str) -> None:
        """Show the heading of an act."""

    def line(self, text: str, style: str = "") -> None:
        """Show a line of the result, in a style such as `dim` or `bold green`."""

    def job(self, job: RemoteJob) -> None:
        """Show a job and its days."""

    def watch(self, client: Client, job: RemoteJob) -> RemoteJob:
        """Show a job until it is over, and return its final state."""

    def counting(self, text: str, total: int | None) -> AbstractContextManager[Bar]:
        """Provide a progress bar, shown while the block runs; a total of None is unknown."""


class Story:
    """The acts of the demo, and the proofs that they collect."""

    def __init__(
        self, display: Display, *, cast: Cast, traffic: Traffic, days: DayRange, customers: Customers, clock: Clock
    ) -> None:
        self._display = display
        self._cast = cast
        self._traffic = traffic
        self._days = days
        self._customers = customers
        self._clock = clock
        self._expectation = Expectation()
        self._files: dict[Place, Downloaded] = {}  # of the ten days, as they were downloaded last
        self.proofs: list[Proof] = []
        self.sha256 = ""
        """The SHA-256 of all texts of the ten days, once that was proven."""

    def records_come_in(self, platform: Platform) -> None:
        """Play act 1: the platform sends the records of the ten days, and one batch twice."""
        self._display.heading("A platform sends its records over HTTP: versions, repetitions, many scripts")
        started = self._clock.monotonic()
        sent = self._send(platform, batches(self._traffic.on_time()), claim="versions accepted")
        seconds = self._clock.monotonic() - started
        batch, receipt = sent[0]
        receipts = {receipt.sid, platform.send(batch).sid}
        self._prove("receipts of a batch that was sent twice", expected=1, found=len(receipts))
        expected = self._expectation
        versions = f"{count_text(expected.versions, 'version')} of {count_text(expected.records, 'record')}"
        self._display.line(f"  {versions} for {count_text(len(self._cast.members), 'account')}, in {seconds:.1f} s")
        names = ", ".join(f"{kind} {self._records_of(kind):,}" for kind in RESOURCE_TYPES)
        self._display.line(f"  {names}", "dim")
        self._display.line(f"  no records on {self._traffic.quiet_day}", "dim")

    def a_job_runs(self) -> None:
        """Play act 2: the parent account exports its messages and looks at one of the files."""
        self._display.heading("A customer asks for ten days of messages")
        parent = self._cast.parent
        job = self._customers.ask(parent, MESSAGES, self._days, name="ten days 🗓")
        self._display.job(self._display.watch(self._customers.server(parent), job))
        file = self._customers.download((parent.sid, MESSAGES, self._days.last))
        self._display.heading(
            f"{file.path.name}: {count_text(file.found.lines, 'line')} in {size_text(file.found.size_bytes)}"
        )
        with gzip.open(file.path, "rt", encoding="utf-8") as lines:
            for line in islice(lines, _FIRST_LINES):
                self._display.line(line.rstrip(), "dim")

    def everybody_downloads_everything(self) -> None:
        """Play act 3: all accounts export all types, download all files, and compare every byte."""
        self._display.heading("Every account exports everything, downloads it, and compares it to the byte")
        jobs = [
            (member, self._customers.ask(member, kind, self._days, name=kind.name.lower()))
            for member in self._cast.members
            for kind in RESOURCE_TYPES
            if (member, kind) != (self._cast.parent, MESSAGES)
        ]
        self._wait(jobs)
        compared = self._compare(self._places(self._days))
        self._prove_files(compared)
        self._prove("records in the files", expected=self._expectation.records, found=compared.records)
        quiet = [file for place, file in compared.files.items() if place[2] == self._traffic.quiet_day]
        self._prove("lines in the files of the empty day", expected=0, found=sum(file.found.lines for file in quiet))
        self._prove_strangers_see_nothing(jobs[0][1])

    def records_come_late(self, platform: Platform) -> None:
        """Play act 4: corrections and new records come after the day was exported, and it is exported again."""
        late = self._traffic.late_day
        self._display.heading(f"Late records arrive for {late}, which was exported already")
        only = DayRange(first=late, last=late)
        before = self._revisions(self._places(only))
        sent = self._send(platform, batches(self._traffic.late()), claim="late versions accepted")
        versions = sum(len(batch.versions) for batch, _ in sent)
        self._wait(
            (member, self._customers.ask(member, kind, only, name="once more"))
            for member in self._cast.members
            for kind in RESOURCE_TYPES
        )
        compared = self._compare(self._places(only))
        after = {place: file.manifest.revision for place, file in compared.files.items() if file.manifest}
        self._display.line(f"  {versions:,} more versions; the day is exported again as a new revision")
        wrong = compared.count(lambda place, file: not compared.has_expected_text(place, file))
        self._prove("files that lack the late records", expected=0, found=wrong)
        newer = sum(after.get(place) == revision + 1 for place, revision in before.items())
        self._prove("files of that day in a new revision", expected=len(before), found=newer)

    def a_year_is_asked_for(self) -> None:
        """Play act 5: a job over a year is done at once, since an export is a row and not a copy."""
        self._display.heading("A customer asks for a whole year")
        parent = self._cast.parent
        year = DayRange(first=self._days.last - (_YEAR_DAYS - 1), last=self._days.last)
        server = self._customers.server(parent)
        started = self._clock.monotonic()
        job = self._customers.ask(parent, MESSAGES, year, name="the year")
        while not job.is_over:
            self._clock.wait(threading.Event(), _LOOK_SECONDS)
            job = server.job(job.sid)
        milliseconds = 1000 * (self._clock.monotonic() - started)
        self._display.job(job)
        self._display.line(f"  {len(year)} days in {milliseconds:.0f} ms", "bold green")
        claim = f"days done of a year-long job, in {milliseconds:.0f} ms"
        self._prove(claim, expected=len(year), found=job.finished - job.failed)

    def a_day_came_by_itself(self) -> None:
        """Play act 6: yesterday's messages are exported without a job, since all accounts enabled daily exports."""
        expected = self._cast.yesterday
        yesterday = next(day for _, _, day in expected.places())
        self._display.heading(f"Daily exports were enabled the day before: {yesterday} has come by itself")
        for member in self._cast.members:
            server = self._customers.server(member)
            while yesterday not in {published.day for published in server.days(MESSAGES)}:
                self._clock.wait(threading.Event(), _LOOK_SECONDS)
        places = [(member.sid, MESSAGES, yesterday) for member in self._cast.members]
        compared = self._customers.compare(places, expected, progress=lambda _: None)
        content = f"{count_text(len(places), 'file')} with {count_text(compared.records, 'record')}"
        self._display.line(f"  {content}, published as soon as the day was sealed")
        right = compared.count(compared.has_expected_text)
        self._prove("daily files whose text is the expected one", expected=len(places), found=right)

    def all_texts_have_one_hash(self) -> None:
        """Play the end: the texts of the ten days, one after the other, are the expected ones.

        Their hash is that of every other demo of the same day with as many records, wherever it runs.
        """
        self.sha256 = sha256_of_all(self._files)
        expected = self._expectation.sha256_of_all(self._files)
        claim = f"SHA-256 of all {len(self._files)} texts together, its beginning"
        self._prove(claim, expected=expected[:_SHOWN_DIGITS], found=self.sha256[:_SHOWN_DIGITS])

    def _send(
        self, platform: Platform, all_batches: Iterable[Batch], *, claim: str
    ) -> list[tuple[Batch, RemoteReceipt]]:
        sent = []
        accepted = versions = 0
        with self._display.counting("Sending", None) as bar:
            for batch in all_batches:
                receipt = platform.send(batch)
                for version in batch.versions:
                    self._expectation.add(version)
                sent.append((batch, receipt))
                accepted += receipt.accepted
                versions += len(batch.versions)
                bar.advance(len(batch.versions))
        self._prove(claim, expected=versions, found=accepted)
        return sent

    def _wait(self, jobs: Iterable[tuple[Member, RemoteJob]]) -> None:
        waiting = list(jobs)
        days = sum(len(job.days) for _, job in waiting)
        done = 0
        with self._display.counting("Exporting days", days) as bar:
            for member, submitted in waiting:
                job = submitted
                while not job.is_over:
                    self._clock.wait(threading.Event(), _LOOK_SECONDS)
                    job = self._customers.server(member).job(job.sid)
                done += job.finished
                bar.reach(done, days)
                if job.failed:
                    self._prove(f"days that failed in {job.sid}", expected=0, found=job.failed)

    def _compare(self, places: Sequence[Place]) -> Comparison:
        with self._display.counting("Downloading and comparing", len(places)) as bar:
            compared = self._customers.compare(places, self._expectation, progress=bar.advance)
        self._files |= compared.files
        return compared

    def _places(self, days: DayRange) -> list[Place]:
        return [(member.sid, kind, day) for member in self._cast.members for kind in RESOURCE_TYPES for day in days]

    def _revisions(self, places: Sequence[Place]) -> dict[Place, int]:
        """Return the revisions that are published now."""
        by_account = {member.sid: self._customers.server(member) for member in self._cast.members}
        manifests = {place: by_account[place[0]].find_manifest(place[1], place[2]) for place in places}
        return {place: manifest.revision for place, manifest in manifests.items() if manifest}

    def _records_of(self, resource_type: ResourceType) -> int:
        return sum(self._expectation.count(place) for place in self._expectation.places() if place[1] is resource_type)

    def _prove_files(self, compared: Comparison) -> None:
        files = len(compared.files)
        claims = {
            "files whose text is the expected one, by SHA-256": compared.has_expected_text,
            "files that are what their manifest says": compared.is_as_its_manifest_says,
            "files that are one gzip member": lambda _, file: file.found.members == 1,
        }
        for claim, holds in claims.items():
            self._prove(claim, expected=files, found=compared.count(holds))
        size = sum(file.found.size_bytes for file in compared.files.values())
        plain_bytes = sum(file.found.plain_bytes for file in compared.files.values())
        content = f"{count_text(files, 'file')} with {count_text(compared.records, 'record')}"
        self._display.line(f"  {content}: {size_text(plain_bytes)} of text in {size_text(size)} of gzip")

    def _prove_strangers_see_nothing(self, job: RemoteJob) -> None:
        stranger = self._customers.server(self._cast.subaccounts[-1])
        try:
            stranger.job(job.sid)
            answer = "the job"
        except NotFound:
            answer = "not found"
        self._prove("what another account's credentials see of a job", expected="not found", found=answer)

    def _prove(self, claim: str, *, expected: object, found: object) -> None:
        self.proofs.append(Proof(claim=claim, expected=_text(expected), found=_text(found)))


def _text(value: object) -> str:
    return f"{value:,}" if type(value) is int else str(value)
