"""The simulation of a week: events in the order of their times, and what they find, take and leave."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from scale_day import DayWork, Segment
from scale_world import DAY, SETTINGS, Accounts, Costs, Network, Plan, Result, put_requests, share_of

from dayfile.exports.daily import ACCOUNTS_PER_COMMIT
from dayfile.files.read_ahead import AT_ONCE
from dayfile.files.segment_copy import WHOLE_BELOW
from dayfile.intake import compaction as rules
from dayfile.model.account import PACKED_BYTES
from dayfile.model.segment import INLINE_LIMIT_BYTES
from dayfile.sealing.packs import PACK_BYTES
from dayfile.store.segments import COMPACTION_LEASE
from dayfile.work.engine import CUT_BYTES

MINUTE: Final = 60.0
LATE_FOR: Final = 6 * 3600.0
ROWS_AT_ONCE: Final = 2000  # of a seal, in one transaction
COPIED_AT_ONCE: Final = 8  # segments, by a piece
RANGE_REQUESTS: Final = 5  # for a part of a segment: its size, its footer, and what is before, in and behind its blocks


@dataclass(slots=True, eq=False)
class Host:
    """A machine with servers and one worker."""

    number: int
    is_up: bool = True
    is_busy: bool = False
    life: int = 0  # it has failed so often: what it began before is lost
    claim: tuple[DayWork, list[Segment]] | None = None  # the day that it seals


class Week:
    """A week of one plan."""

    def __init__(self, plan: Plan, costs: Costs, network: Network) -> None:
        """Begin at midnight."""
        self.plan, self.costs, self.network = plan, costs, network
        self._rng = random.Random(plan.seed)
        self.accounts = Accounts(plan.accounts)
        self._hosts = [Host(number=number) for number in range(plan.hosts)]
        self._days: dict[int, DayWork] = {}
        self._now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._waiting = 0.0  # records that nobody has taken yet
        self._end = plan.days * DAY
        self.result = Result()

    def run(self) -> Result:
        """Let the week pass, and half a day more, in which what was begun is finished."""
        self._at(0.0, self._minute)
        for host in self._hosts:
            self._at(self._rng.expovariate(1 / (self.plan.hours_up * 3600)), lambda host=host: self._fail(host))
        while self._events:
            self._now, _, happen = heapq.heappop(self._events)
            if self._now > self._end + DAY / 2:
                break
            happen()
        unsealed = [number for number in range(self.plan.days) if not self._day(number).is_sealed]
        self.result.sums["days that were not sealed in time"] = len(unsealed)
        return self.result

    def _at(self, time: float, happen: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (time, self._count, happen))

    def _day(self, number: int) -> DayWork:
        return self._days.setdefault(number, DayWork())

    # --- Hosts ---

    def _fail(self, host: Host) -> None:
        host.is_up, host.is_busy = False, False
        host.life += 1
        if host.claim is not None:
            day, taken = host.claim
            self._at(self._now + SETTINGS.lease.total_seconds(), lambda: self._give_up(day, taken))
        host.claim = None
        self.result.sums["failures of hosts"] += 1
        self._at(self._now + self.plan.hours_down * 3600, lambda: self._come_back(host))

    def _come_back(self, host: Host) -> None:
        host.is_up = True
        self._at(self._now + self._rng.expovariate(1 / (self.plan.hours_up * 3600)), lambda: self._fail(host))
        self._work(host)

    def up(self) -> list[Host]:
        """Return the hosts that are up."""
        return [host for host in self._hosts if host.is_up]

    # --- Intake ---

    def _minute(self) -> None:
        """Take in what a minute brings, as far as servers that are up can."""
        plan, costs = self.plan, self.costs
        if self._now < self._end:
            self._waiting += plan.records * share_of(self._now) * MINUTE * self._rng.uniform(0.9, 1.1)
        self._at(self._now + MINUTE, self._minute)
        processes = len(self.up()) * plan.serving_cores
        taken = min(self._waiting, processes * MINUTE / costs.intake_cpu)
        self._waiting -= taken
        self.result.sums["records"] += taken
        self.result.reach("records that wait for a server", self._waiting)
        if processes and taken:
            self.result.reach("percent of the serving cores", 100 * taken * costs.intake_cpu / processes / MINUTE)
            self._commit(taken, processes)
        for host in self.up():
            self._work(host)

    def _commit(self, taken: float, processes: float) -> None:
        plan, costs = self.plan, self.costs
        cycle = self.network.request + costs.batch_statements * self.network.statement
        commits = ceil(min(max(taken / plan.batch_records, 1), processes * MINUTE / cycle))
        self.result.reach("percent of the commits", 100 * taken / plan.batch_records * cycle / processes / MINUTE)
        today, second = divmod(self._now, DAY)
        late = min(plan.records * plan.late * MINUTE / LATE_FOR, taken) if second < LATE_FOR and today else 0.0
        self._arrive(self._day(int(today)), taken - late, commits)
        if late:
            yesterday = self._day(int(today) - 1)
            if yesterday.is_sealed and yesterday.first_late is None:
                yesterday.first_late = self._now
            self._arrive(yesterday, late, ceil(min(commits, late)))
        self.ask(commits * costs.batch_statements)

    def _arrive(self, day: DayWork, records: float, segments: int) -> None:
        size = records / segments * self.costs.segment_bytes
        if size > INLINE_LIMIT_BYTES:
            puts, gets = put_requests(size)
            self.store(puts * segments, gets * segments)
        day.add(Segment(size, records / segments), segments)
        self.result.sums["segments"] += segments
        self.result.reach("segments that wait", sum(one.count() for one in self._days.values()))

    # --- Workers ---

    def _work(self, host: Host) -> None:
        """Have an idle worker begin what there is, in the order of its loop: a seal, or else a compaction."""
        if not host.is_up or host.is_busy or host.number >= self.plan.workers:
            return
        for number, day in self._days.items():
            if not day.is_claimed and self._is_due(number, day):
                self._seal(host, number, day)
                return
        for day in sorted(self._days.values(), key=DayWork.count, reverse=True):
            if day.is_claimed or day.count() < (2 if self.plan.has_cluster else rules.LEAST_SEGMENTS):
                continue
            if group := self._group(day):
                self._compact(host, day, group)
                return

    def _busy(self, host: Host, seconds: float, then: Callable[[], None]) -> None:
        host.is_busy = True
        life = host.life

        def end() -> None:
            if host.life == life:
                host.is_busy = False
                then()
                self._work(host)

        self._at(self._now + seconds, end)

    # --- Compaction, as `Compaction._largest_group` chooses ---

    def _group(self, day: DayWork) -> list[Segment]:
        rule = rules.CompactionRule(large_bytes=rules.LARGE_BYTES if self.plan.has_cluster else 0)
        *steps, (_, beyond), _ = (
            (limit, [one for one in some if not one.is_claimed]) for limit, some in day.sizes.items()
        )
        if many := [some for limit, some in steps if rule.is_enough(len(some), limit)]:
            return self._bounded(max(many, key=len))
        return self._large(beyond) if self.plan.has_cluster else []

    def _bounded(self, group: Sequence[Segment]) -> list[Segment]:
        bounded: list[Segment] = []
        size = 0.0
        for segment in group[: rules.MOST_SEGMENTS]:
            size += segment.size
            if size > rules.MOST_BYTES and len(bounded) >= rules.LEAST_SEGMENTS:
                break
            bounded.append(segment)
        return bounded

    def _large(self, beyond: Sequence[Segment]) -> list[Segment]:
        size = 0.0
        for count, segment in enumerate(beyond, start=1):
            size += segment.size
            if size >= rules.LARGE_BYTES:
                return list(beyond[:count])
        return []

    def _compact(self, host: Host, day: DayWork, group: list[Segment]) -> None:
        costs, network = self.costs, self.network
        self._claim(group)
        self._at(self._now + COMPACTION_LEASE.total_seconds(), lambda: self._give_up_claim(group))
        merged = Segment(sum(one.size for one in group), sum(one.records for one in group))
        far = sum(one.size > INLINE_LIMIT_BYTES for one in group)
        puts, gets = put_requests(merged.size)
        self.store(puts, gets + far)
        self.ask(costs.compaction_statements)
        seconds = merged.records * costs.compaction_cpu + 2 * merged.size / network.bytes_per_second
        seconds += far * network.request / AT_ONCE + costs.compaction_statements * network.statement

        def end() -> None:
            self.result.sums["compactions"] += 1
            if any(one.is_gone or one.is_held for one in group):
                self.result.sums["compactions that a seal was before"] += 1
                self._give_up_claim(group)
                return
            day.drop(group)
            day.add(merged)
            self.result.sums["bytes that then rest"] += merged.size

        self._busy(host, seconds, end)

    def _claim(self, group: Sequence[Segment]) -> None:
        for one in group:
            one.is_claimed = True

    def _give_up_claim(self, group: Sequence[Segment]) -> None:
        for one in group:
            one.is_claimed = False

    # --- Seals ---

    def _is_due(self, number: int, day: DayWork) -> bool:
        if not day.is_sealed:
            return self._now >= (number + 1) * DAY + SETTINGS.sealing_rule.grace.total_seconds()
        return (
            day.first_late is not None
            and bool(day.segments)
            and self._now >= day.first_late + SETTINGS.sealing_rule.limit.total_seconds()
        )

    def _seal(self, host: Host, number: int, day: DayWork) -> None:
        day.is_claimed = True
        taken = list(day.segments)
        for one in taken:
            one.is_held = True
        host.claim = (day, taken)
        work = SealWork(self, day, taken)

        def end() -> None:
            host.claim = None
            self._sealed(number, day, taken, work)

        self._busy(host, work.seconds, end)

    def _give_up(self, day: DayWork, taken: Sequence[Segment]) -> None:
        """Free the day of a host that failed: its lease has run out."""
        self.result.sums["seals begun again"] += 1
        day.is_claimed = False
        for one in taken:
            one.is_held = False

    def _sealed(self, number: int, day: DayWork, taken: Sequence[Segment], work: SealWork) -> None:
        is_first = not day.is_sealed
        day.drop(taken)
        day.records += work.records
        day.is_sealed, day.is_claimed, day.first_late = True, False, None
        self.result.sums["seals"] += 1
        self.result.sums["bytes that then rest"] += sum(one.size for one in taken)
        work.note(self.result, is_first=is_first)
        if is_first:
            late = self._now - (number + 1) * DAY - SETTINGS.sealing_rule.grace.total_seconds()
            self.result.reach("minutes after 01:00 until it is sealed", late / 60)
            self._export(late)

    def _export(self, late: float) -> None:
        """Publish the day for all accounts: one commit after the other, whoever makes it."""
        costs = self.costs
        commits = ceil(self.plan.accounts / ACCOUNTS_PER_COMMIT)
        each = costs.daily_cpu + costs.daily_statements * self.network.statement
        self.ask(commits * costs.daily_statements, seconds=commits * each)
        self.result.sums["commits of daily exports"] += commits
        self.result.reach("minutes after 01:00 until all is exported", (late + commits * each) / 60)

    # --- Counting ---

    def ask(self, statements: float, *, seconds: float = MINUTE) -> None:
        """Count statements to the database, in about so many seconds."""
        self.result.sums["statements"] += round(statements)
        self.result.reach("statements a second", statements / max(seconds, MINUTE))

    def store(self, puts: int, gets: int) -> None:
        """Count requests to the bucket."""
        self.result.sums["PUT"] += puts
        self.result.sums["GET"] += gets


class SealWork:
    """The work of one seal."""

    def __init__(self, week: Week, day: DayWork, taken: Sequence[Segment]) -> None:
        """Count it."""
        plan, costs, accounts = week.plan, week.costs, week.accounts
        self._week = week
        self.records = sum(one.records for one in taken)
        self.files = accounts.among(self.records)
        self.formers = self.files if day.is_sealed else 0.0
        self.again = accounts.share_among(self.records) * day.records if day.is_sealed else 0.0
        self.former_gets = 0.0
        if day.is_sealed:
            self.former_gets = accounts.readings(day.records, costs.file_bytes, among=self.records)
        self.lines = self.records + self.again
        self.segments = taken
        text = self.lines * costs.text_bytes
        self.pieces = max(ceil(text / CUT_BYTES), 1) if plan.has_cluster else 1
        self.row_bytes = accounts.among(day.records + self.records) * costs.row_memory_bytes
        some = taken[:: max(len(taken) // 100, 1)]
        self.set_bytes = sum(PACKED_BYTES * accounts.among(one.records) for one in some) * len(taken) / len(some)
        self.seconds = self._seconds()

    def _seconds(self) -> float:
        week, network = self._week, self._week.network
        plan, costs = week.plan, week.costs
        size = sum(one.size for one in self.segments)
        cpu = self.lines * costs.seal_cpu + self.files * costs.seal_file_cpu + self.again * costs.former_cpu
        waiting = self.former_gets / self.pieces * network.request / AT_ONCE
        parts = [one for one in self.segments if one.size >= WHOLE_BELOW] if self.pieces > 1 else []
        whole = len(self.segments) - len(parts)
        requests = len(parts) * RANGE_REQUESTS + whole
        waiting += requests * network.request / COPIED_AT_ONCE
        self.gets = round(requests * self.pieces + self.former_gets + 2 * len(self.segments) * (self.pieces > 1))
        outside = sum(one.records for one in parts) * costs.keys_bytes * self.pieces
        inside = sum(one.size for one in parts)
        small = (size - sum(one.size for one in parts)) * self.pieces
        self.read = outside + inside + small
        former, written = self.again * costs.file_bytes, self.lines * costs.file_bytes
        hosts = max(len(week.up()), 1) if plan.has_cluster else 1
        threads = min(hosts * plan.working_cores, self.pieces) if self.pieces > 1 else costs.seal_threads
        rounds = ceil(self.pieces / threads) if self.pieces > 1 else 1
        copying = (self.read + former + written) / min(hosts, self.pieces) / network.bytes_per_second
        rows = ceil(self.files / ROWS_AT_ONCE) * costs.rows_statements * network.statement
        # A giant account is one piece, and the others are done meanwhile.
        giant = week.accounts.largest() * self.lines * costs.seal_cpu
        return max(cpu / threads, giant) + waiting * rounds + copying + rows

    def note(self, result: Result, *, is_first: bool) -> None:
        """Add it to the figures of the week."""
        costs = self._week.costs
        statements = costs.seal_statements + ceil(self.files / ROWS_AT_ONCE) * costs.rows_statements
        self._week.ask(statements, seconds=self.seconds)
        stored = self.lines * costs.file_bytes
        self._week.store(ceil(stored / PACK_BYTES) * put_requests(PACK_BYTES)[0] + 3, self.gets)
        result.sums["files"] += round(self.files)
        result.sums["former files read again"] += round(self.formers)
        result.sums["pieces"] += self.pieces
        result.sums["bytes of segments read by seals"] += round(self.read)
        result.sums["bytes of files"] += round(stored)
        result.reach("MB of rows of files in the process that seals", self.row_bytes / 1e6)
        result.reach("MB of sets of accounts in the segments of a day", self.set_bytes / 1e6)
        result.reach("minutes of a first seal" if is_first else "minutes of a seal after it", self.seconds / 60)
