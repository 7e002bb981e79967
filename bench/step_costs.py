"""Costs of the steps of a day: processor time, statements to the database, requests to a bucket, bytes that are left.

    python bench/step_costs.py [--accounts 3000] [--batches 128] [--records 5000] [--url postgresql://...]

One instance in this process does each step as a server or a worker would: batches, compaction, the seal of a day, its
daily exports, a late record, and the seal that it causes. Its storage is a folder that pretends to be far away, so
that objects are read, written and looked at as those in a bucket are; each of these is counted as the requests that
`CloudStorage` makes of it. Statements are those that SQLAlchemy sends; a transaction is one commit.

`simulate_scale.py` counts with these figures.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import secrets
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import structlog
from day_lines import LargeDay, account_sid, lines_of
from sqlalchemy import Engine, event

from dayfile.files.cloud_storage import PART_BYTES
from dayfile.files.storage import Storage
from dayfile.intake.compaction import LEAST_SEGMENTS, CompactionRule
from dayfile.intake.pipeline import IncomingBatch
from dayfile.model.account import KEEP_OLD_FOR, AccountSid
from dayfile.model.account_entry import AccountEntry
from dayfile.model.credential import Caller, Scope
from dayfile.model.day import Day
from dayfile.model.export import ExportConfiguration
from dayfile.model.resource import MESSAGES
from dayfile.overrides import Limits, Overrides
from dayfile.service import Service
from dayfile.settings import Settings

OPERATOR: Final = Caller(credential="bench", account=None, scopes=frozenset(Scope), permissions=frozenset())
LATE_ACCOUNTS: Final = 1000
_CHUNK_BYTES: Final = 1 << 20


class Asked:
    """Counts of what the database and the storage are asked."""

    def __init__(self) -> None:
        """Begin to listen to every database of this process."""
        self.counts: Counter[str] = Counter()
        event.listen(Engine, "before_cursor_execute", self._statement)
        event.listen(Engine, "commit", self._commit)

    def _statement(self, *_: object) -> None:
        self.counts["statements"] += 1

    def _commit(self, *_: object) -> None:
        self.counts["commits"] += 1


class FarStorage:
    """A folder that is used as a bucket is: no object has a path, and each access is so many requests."""

    is_remote: Final = True

    def __init__(self, near: Storage, counts: Counter[str]) -> None:
        """Wrap the folder."""
        self._near = near
        self._counts = counts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._near, name)

    def path(self, _: str) -> None:
        """Return None: the object is elsewhere."""

    def put(self, key: str, chunks: Iterable[Any]) -> int:
        """Write an object, in parts if it is large."""
        size = self._near.put(key, chunks)
        parts = -(-size // PART_BYTES)
        # Begun, ended, and looked at before and after; a small one is one request.
        self._counts.update({"PUT": 1} if size <= PART_BYTES else {"PUT": parts + 2, "GET": 2})
        self._counts["bytes written"] += size
        return size

    def put_many(self, items: Iterable[tuple[str, Any]]) -> None:
        """Write objects one by one, as a bucket must."""
        for key, data in items:
            self.put(key, [data])

    def read(self, key: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Read an object, or a part of it."""
        self._counts["GET"] += 1
        for block in self._near.read(key, start=start, stop=stop):
            self._counts["bytes read"] += len(block)
            yield block

    def size(self, key: str) -> int:
        """Ask for the size of an object."""
        self._counts["GET"] += 1
        return self._near.size(key)

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects."""
        self._counts["DELETE"] += 1
        self._near.delete(keys)

    def scan(self, prefix: str) -> Iterator[str]:
        """List keys."""
        self._counts["LIST"] += 1
        return self._near.scan(prefix)

    def listed(self, prefix: str, *, after: str = "") -> Iterator[Any]:
        """List objects."""
        self._counts["LIST"] += 1
        return self._near.listed(prefix, after=after)


class Costs:
    """The table in the making."""

    def __init__(self, asked: Asked, size_of: Callable[[], int]) -> None:
        """Take the counters, and a function that tells how large the database is."""
        self._asked = asked
        self._size_of = size_of
        columns = ("CPU ms", "commits", "statements", "PUT", "GET", "LIST", "DELETE", "MB written", "MB read", "DB kB")
        print(f"{'':<34}{'times':>7}" + "".join(f"{column:>12}" for column in columns), flush=True)

    def of(self, name: str, step: Callable[[], object], *, most: int = 1) -> None:
        """Do a step so many times, or until it returns False, and print what one of them took."""
        size = self._size_of()
        before = Counter(self._asked.counts)
        start, times = time.process_time(), 0
        while times < most and step() is not False:
            times += 1
        cpu, times = time.process_time() - start, max(times, 1)
        took = {name: (count - before[name]) / times for name, count in self._asked.counts.items()}
        figures = [cpu / times * 1000]
        figures += [took.get(one, 0) for one in ("commits", "statements", "PUT", "GET", "LIST", "DELETE")]
        figures += [took.get("bytes written", 0) / 1e6, took.get("bytes read", 0) / 1e6]
        figures += [(self._size_of() - size) / times / 1e3]
        print(f"{name:<34}{times:>7}" + "".join(f"{figure:>12,.2f}" for figure in figures), flush=True)


def main() -> None:
    """Do each step and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=3000)
    parser.add_argument("--batches", type=int, default=128)
    parser.add_argument("--records", type=int, default=5000, help="in a batch")
    parser.add_argument("--url", help="PostgreSQL, an empty database; default SQLite in a folder")
    parser.add_argument("--folder", type=Path, help="where the data goes, if not into the system's temporary folder")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    if options.url:
        os.environ["DAYFILE_SECRET_KEY"] = secrets.token_hex(32)
    with tempfile.TemporaryDirectory(prefix="dayfile-bench-", dir=options.folder) as name:
        asked = Asked()
        settings = Settings.read(_env_file=None, data_dir=Path(name), database_url=options.url)
        overrides = Overrides(
            storage=lambda near: FarStorage(near, asked.counts),  # type: ignore[arg-type, return-value]
            # Else so few batches are left alone.
            limits=Limits(compaction=CompactionRule(least_large_segments=LEAST_SEGMENTS)),
        )
        with Service.open(settings, overrides) as service:
            measure(service, Costs(asked, lambda: database_bytes(service)), options)


def measure(service: Service, costs: Costs, options: argparse.Namespace) -> None:
    """Do a day."""
    day = Day.of(datetime.now(UTC)) - 1
    bring(service, options.accounts, day)
    made = LargeDay(day=day.start.date(), records=options.batches * options.records, accounts=options.accounts)
    lines = [line.encode() for _, line in lines_of(made)]
    random.Random(1).shuffle(lines)
    batches = iter(b"".join(lines[at : at + options.records]) for at in range(0, len(lines), options.records))
    costs.of("a batch", lambda: accept(service, next(batches)), most=options.batches)
    costs.of("a batch of one record", lambda: accept(service, lines[0]), most=200)
    parts = service.worker_parts
    costs.of("a compaction", parts.compaction.step, most=1000)
    costs.of(f"the seal of {len(lines):,} records", lambda: service.worker.seal(MESSAGES, day))
    print(f"{'memory of the row of a file':<34}{row_memory(service, day):>7,.0f} bytes")
    costs.of("a commit of the daily exports", parts.daily.step, most=1000)
    costs.of("a late record", lambda: accept(service, changed(lines[0])))
    costs.of("the seal after it", lambda: service.worker.seal(MESSAGES, day))
    once = {line[62:96]: line for line in lines}  # by account
    some = b"".join(changed(line) for line in list(once.values())[1 : LATE_ACCOUNTS + 1])
    costs.of("late records of 1,000 accounts", lambda: accept(service, some))
    costs.of("the seal after them", lambda: service.worker.seal(MESSAGES, day))
    costs.of("a look of a worker at all it may do", lambda: service.worker.tick() or True, most=20)


def bring(service: Service, accounts: int, day: Day) -> None:
    """Make the accounts, which have all enabled daily exports a day before, and open the day."""
    service.administration.bring([_entry(number) for number in range(accounts)], keep_old_for=KEEP_OLD_FOR)
    with service.database.transaction() as tx:
        tx.seals.open_days([(MESSAGES, day)])
        for number in range(accounts):
            first = tx.configurations.lock(AccountSid(account_sid(number)), MESSAGES, now=day.start)
            enabled = ExportConfiguration(
                account=first.account,
                resource_type=MESSAGES,
                enabled_at=day.start,
                webhook_url=first.webhook_url,
                webhook_method=first.webhook_method,
            )
            tx.configurations.put(enabled, now=day.start)
    service.worker.clock_tick()


def accept(service: Service, body: bytes) -> None:
    """Accept a batch as the API does."""
    blocks = [body[at : at + _CHUNK_BYTES] for at in range(0, len(body), _CHUNK_BYTES)]
    batch = IncomingBatch(
        caller=OPERATOR, resource_type=MESSAGES, blocks=blocks, compression=None, idempotency_key=None
    )
    receipt = service.intake.accept(batch)
    if receipt.rejected:
        sys.exit(f"{receipt.rejected} lines were refused")


def changed(line: bytes) -> bytes:
    """Return the line of another record of the same account."""
    sid = line[9:43]
    return line.replace(sid, sid[:2] + sid[:1:-1])


def row_memory(service: Service, day: Day) -> float:
    """Return the bytes of memory that the row of one file takes."""
    tracemalloc.start()
    with service.database.snapshot() as tx:
        rows = tx.sealed_days.of_day(MESSAGES, day)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return taken / max(len(rows), 1)


def database_bytes(service: Service) -> int:
    """Return the size of the database by now."""
    with service.database.snapshot() as tx:
        connection = tx._connection  # noqa: SLF001 - no product code asks for this
        if service.settings.is_shared:
            return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        return int(pages - connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()) * 4096


def _entry(number: int) -> AccountEntry:
    sid = AccountSid(account_sid(number))
    return AccountEntry(sid=sid, token=None, parent=None, state=None, friendly_name="", email=None)


if __name__ == "__main__":
    main()
