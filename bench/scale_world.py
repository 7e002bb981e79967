"""The world of a simulated week: what is to be done, what each step of it costs, and what its network is like."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil, expm1, inf, log1p
from typing import Final

from day_lines import HOURS

from dayfile.files.cloud_storage import PART_BYTES
from dayfile.files.stretches import STRETCH_BYTES
from dayfile.settings import Settings

SETTINGS: Final = Settings(_env_file=None)
DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """The costs of steps, as they were measured, and by which program: on 2 cores, in processor time.

    large_day: `python bench/large_day.py`; step: `python bench/step_costs.py`; small: `python bench/small_files.py`.
    """

    text_bytes: float = 487.0  # of a record in a file (large_day)
    file_bytes: float = 73.0  # the same, gzip (large_day)
    segment_bytes: float = 138.0  # of a record in a segment (large_day)
    keys_bytes: float = 29.0  # of that, outside of the blocks of lines: every piece of a seal has those of all records
    file_row_bytes: float = 554.0  # of the database, for a file: 1,663 kB for 3,000 (step)
    day_row_bytes: float = 257.0  # the same, for a published day: 770 kB for 3,000 (step)
    row_memory_bytes: float = 1199.0  # of a file's row in a process that seals its day (step)
    intake_cpu: float = 11e-6  # of a record in a batch of 5,000: 54 to 57 ms (step)
    batch_statements: float = 6.0  # of a commit of batches (step)
    compaction_cpu: float = 2.5e-6  # of a record, each time it is compacted: 0.8 s for 320,000 (step)
    compaction_statements: float = 16.0  # of a compaction (step)
    seal_cpu: float = 4.6e-6  # of a record (large_day)
    seal_file_cpu: float = 75e-6  # of an account that has a file: 7.5 s for 100,000 (small)
    seal_threads: float = 1.8  # that two threads are worth: 3.87 s of processors in 2.16 s (docs/performance.md)
    seal_statements: float = 39.0  # of a seal, without the rows of its files (step)
    rows_statements: float = 4.0  # of 2,000 rows of files (step)
    former_cpu: float = 2.8e-6  # of a record in a former file, beside sealing it: 1.5 s for 558,000 (step)
    daily_cpu: float = 0.06  # of a commit of daily exports with 500 accounts: 0.31 to 0.41 s for 3,000 (step)
    daily_statements: float = 13.0  # the same (step)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The network, as it is assumed to be; nothing of it was measured."""

    request: float = 0.05  # seconds until an object store answers: Amazon says tens of milliseconds for small objects
    statement: float = 0.001  # seconds of a statement to PostgreSQL in the same zone
    bytes_per_second: float = 125e6  # of one host: a gigabit a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An instance, and what it is sent."""

    name: str
    accounts: int
    records: float  # a day
    hosts: int
    workers: int = 3  # of the hosts: those that work, and with a cluster give work to the others
    cores: int = 4  # of a host: half of them serve, half of them work
    days: int = 7
    batch_records: int = 5000
    late: float = 0.001  # of the records: they come within six hours after midnight
    has_cluster: bool = False  # the working halves of all hosts, for pieces
    hours_up: float = 72.0  # of a host, on average, before it fails
    hours_down: float = 0.25
    seed: int = 2026

    @property
    def working_cores(self) -> float:
        """The cores of a host for its worker."""
        return max(self.cores / 2, 1)

    @property
    def serving_cores(self) -> float:
        """The cores of a host, and processes, for requests."""
        return max(self.cores / 2, 1)


class Accounts:
    """Accounts of very uneven size: the number n has 1/n of what the first has."""

    def __init__(self, count: int) -> None:
        """Sum up their shares, those of small ones together."""
        self.count = count
        borders = sorted({min(round(1.05**power), count) for power in range(ceil(log1p(count) / log1p(0.05)) + 2)})
        self._groups = [(stop - start, 2 / (start + stop + 1)) for start, stop in pairwise([0, *borders])]
        self._total = sum(size * weight for size, weight in self._groups)

    def among(self, records: float) -> float:
        """Return how many accounts are likely to be among so many records."""
        shares = ((size, weight / self._total) for size, weight in self._groups)
        return sum(size * -expm1(records * log1p(-min(share, 0.999))) for size, share in shares)

    def share_among(self, records: float) -> float:
        """Return the part of everything that those accounts have which are among so many records."""
        shares = ((size, weight / self._total) for size, weight in self._groups)
        return sum(size * share * -expm1(records * log1p(-min(share, 0.999))) for size, share in shares)

    def readings(self, records: float, file_bytes: float, *, among: float, at_once: float = inf) -> float:
        """Return the requests that read the files of a day, of those accounts that are among so many of its records.

        A large file takes one, and so does a stretch of a pack, with at most `at_once` small ones.
        """
        large = small = small_bytes = 0.0
        for size, weight in self._groups:
            share = weight / self._total
            files = size * -expm1(among * log1p(-min(share, 0.999)))
            if records * share * file_bytes < SETTINGS.pack_below_bytes:
                small += files
                small_bytes += files * records * share * file_bytes
            else:
                large += files
        return large + min(small, max(small_bytes / STRETCH_BYTES, small / at_once))

    def largest(self) -> float:
        """Return the share of the largest account."""
        return self._groups[0][1] / self._total


@dataclass(slots=True)
class Result:
    """The figures of a week: sums, and the highest of what rises and falls."""

    sums: Counter[str] = field(default_factory=Counter)
    most: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def reach(self, name: str, value: float) -> None:
        """Note a value, if it is the highest so far."""
        self.most[name] = max(self.most[name], value)


def share_of(second: float) -> float:
    """Return the part of a day's records that comes in this second."""
    return HOURS[int(second % DAY) // 3600] / sum(HOURS) / 3600


def put_requests(size: float) -> tuple[int, int]:
    """Return the writing and the reading requests for an object of this size."""
    return (1, 0) if size <= PART_BYTES else (ceil(size / PART_BYTES) + 2, 2)
