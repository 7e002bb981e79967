"""A day of many records on this machine, end to end: taken in, sealed, and read again to the last byte.

    python bench/large_day.py [--records 1000000] [--accounts 3000] [--by file] [--bodies FILE] [--json]

The lines are those of `day_lines.py`. They go into `dayfile intake` through a pipe, so that nothing of them is on the
disk, while the program that makes them takes a part of the processors; with `--by file` they are written to a file
first (gzip, a fifth of the text), and intake has the machine for itself. Then `dayfile seal` and `dayfile check --deep`
run, and the counts are compared, account by account. What each step took is shown: time, the processors', memory of
the largest process (ru_maxrss) and of all of them together (PSS), scratch space; and at the end what the day has left
in the storage and in the database.

With `--database-url postgresql://...` and `--storage-url s3://...` (and the AWS_ variables that Dayfile reads) the
instance is there; both must be empty. What PostgreSQL counts is shown, and, if AWS_ENDPOINT_URL names the store, the
requests to it by kind, for which they go through a proxy that takes time of its own.

A day of 40 million records wants 20 GB of disk.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import secrets
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from subprocess import PIPE, Popen
from typing import IO, Any, Final

from counted import counting, postgresql_counts
from day_lines import account_sid
from watched import Watched, disk_mb, watched

from dayfile.model.account import KEEP_OLD_FOR, AccountSid
from dayfile.model.account_entry import AccountEntry
from dayfile.model.day import Day
from dayfile.model.resource import MESSAGES
from dayfile.service import Service
from dayfile.settings import Settings

DAYFILE: Final = (sys.executable, "-m", "dayfile")
ACCOUNTS_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command of the day."""

    name: str
    took: Watched
    database: Mapping[str, int]
    requests: Mapping[str, int]


class Instance:
    """An instance to fill, and the environment of its commands."""

    def __init__(self, folder: Path, options: argparse.Namespace, *, endpoint: str | None) -> None:
        """Make it in a folder, and where the options say."""
        self.data = folder / "data"
        self.database_url: str | None = options.database_url
        own = {"DAYFILE_DATA_DIR": str(self.data)}
        if options.database_url:
            own |= {"DAYFILE_DATABASE_URL": options.database_url, "DAYFILE_SECRET_KEY": secrets.token_hex(32)}
        if options.storage_url:
            own["DAYFILE_STORAGE_URL"] = options.storage_url
        if endpoint:
            own["AWS_ENDPOINT_URL"] = endpoint
        os.environ.update(own)  # for what is done in this process
        self.environment = dict(os.environ)
        self.settings = Settings.read(_env_file=None)

    def bring(self, accounts: int) -> None:
        """Make the instance and its accounts."""
        with Service.open(self.settings) as service:
            for start in range(0, accounts, ACCOUNTS_AT_ONCE):
                numbers = range(start, min(start + ACCOUNTS_AT_ONCE, accounts))
                service.administration.bring([_entry(number) for number in numbers], keep_old_for=KEEP_OLD_FOR)

    def left(self, day: Day) -> tuple[dict[str, int], dict[str, int]]:
        """Return the records of each account as they are sealed, and what there is of which kind."""
        with Service.open(self.settings) as service:
            with service.database.snapshot() as tx:
                sealed = tx.sealed_days.of_day(MESSAGES, day)
                waiting = sum(one.records for one in tx.segments.waiting())
            objects: Counter[str] = Counter()
            for one in service.storage.listed(""):
                kind = "segments that rest" if one.key.startswith("segments/") else "sealed"
                objects[f"objects, {kind}"] += 1
                objects[f"bytes, {kind}"] += one.size_bytes
        figures = {
            "records that wait": waiting,
            "files": len(sealed),
            "files in packs": sum(one.place.is_packed for one in sealed.values()),
            "bytes of text": sum(one.plain_bytes for one in sealed.values()),
            "bytes of files": sum(one.size_bytes for one in sealed.values()),
        }
        if self.database_url is None:
            figures["bytes, database"] = sum(one.stat().st_size for one in self.data.glob("dayfile.sqlite*"))
        figures["files below the data folder"] = sum(path.is_file() for path in self.data.rglob("*"))
        figures["bytes on the disk"] = int(disk_mb(self.data) * 1e6)
        return {account: one.records for account, one in sealed.items()}, figures | dict(sorted(objects.items()))


class Run:
    """The steps of the day, one after the other."""

    def __init__(self, folder: Path, instance: Instance, requests: Counter[str]) -> None:
        """Take the instance, and the counter of requests to its storage, which others raise."""
        self._folder = folder
        self._instance = instance
        self._requests = requests
        self.steps: list[Step] = []

    def command(self, *words: str, source: IO[bytes] | None = None) -> Any:
        """Run a command of Dayfile; return what it prints."""
        name = " ".join(("dayfile", *words)).removesuffix(" --json")
        print(name, flush=True)
        before, asked = self._database(), Counter(self._requests)
        scratch = self._instance.data / "scratch"
        took = watched((*DAYFILE, *words), environment=self._instance.environment, scratch=scratch, source=source)
        database, requests = self._database(), Counter(self._requests)
        database.subtract(before)
        requests.subtract(asked)
        self.steps.append(Step(name=name, took=took, database=dict(+database), requests=dict(+requests)))
        return json.loads(took.output)

    def _database(self) -> Counter[str]:
        return postgresql_counts(self._instance.database_url) if self._instance.database_url else Counter()


def main() -> None:
    """Make the day, run the steps and print the tables; exit code 1 if a count is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--accounts", type=int, default=3000)
    parser.add_argument("--by", choices=("pipe", "file"), default="pipe", help="how the lines come to intake")
    parser.add_argument("--bodies", type=Path, help="a file of message texts, one a line")
    parser.add_argument("--folder", type=Path, help="where the data goes, if not into the system's temporary folder")
    parser.add_argument("--database-url", help="PostgreSQL, an empty database; default SQLite in the folder")
    parser.add_argument("--storage-url", help="an empty place in a bucket; default a folder in the folder")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON, too, as the last line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dayfile-bench-", dir=options.folder) as name, _counted(options) as counted:
        endpoint, requests = counted
        instance = Instance(Path(name), options, endpoint=endpoint)
        instance.bring(options.accounts)
        run = Run(Path(name), instance, requests)
        day, expected = _filled(run, Path(name), options)
        accounts, figures = instance.left(day)
    _show(run.steps, figures, options.records)
    is_right = accounts == expected and not figures["records that wait"]
    said = "as they were sent" if is_right else "WRONG: these are not the records that were sent"
    print(f"{sum(accounts.values()):,} records in the files of {len(accounts):,} accounts, {said}", flush=True)
    if options.json:
        print(json.dumps({"steps": [_as_json(step) for step in run.steps], "left": figures, "is_right": is_right}))
    if not is_right:
        raise SystemExit(1)


def _filled(run: Run, folder: Path, options: argparse.Namespace) -> tuple[Day, dict[str, int]]:
    """Run all steps; return the day, and the records that each account sent."""
    day, counts = Day.of(datetime.now(UTC)) - 1, folder / "counts.json"
    command = [sys.executable, str(Path(__file__).with_name("day_lines.py")), "--day", str(day)]
    command += ["--records", str(options.records), "--accounts", str(options.accounts), "--counts", str(counts)]
    command += ["--every", str(max(options.records // 10, 1))]
    command += ["--bodies", str(options.bodies)] if options.bodies else []
    intake = ("intake", "Messages")
    with Popen(command, stdout=PIPE) as making:
        if making.stdout is None:
            raise SystemExit("the lines have no way to go")
        if options.by == "pipe":
            run.command(*intake, "-", "--json", source=making.stdout)
        else:
            _write(folder / "day.jsonl.gz", making.stdout)
    if making.returncode:
        raise SystemExit(f"the lines could not be made: exit code {making.returncode}")
    if options.by == "file":
        run.command(*intake, str(folder / "day.jsonl.gz"), "--json")
        (folder / "day.jsonl.gz").unlink()
    run.command("seal", "Messages", str(day), "--json")
    run.command("check", "--deep", "--json")
    return day, json.loads(counts.read_text(encoding="utf-8"))


def _write(path: Path, source: IO[bytes]) -> None:
    with gzip.open(path, "wb", compresslevel=1) as file:
        while block := source.read(1 << 20):
            file.write(block)


@contextmanager
def _counted(options: argparse.Namespace) -> Iterator[tuple[str | None, Counter[str]]]:
    upstream = os.environ.get("AWS_ENDPOINT_URL") if options.storage_url else None
    if upstream is None:
        yield None, Counter()
        return
    with counting(upstream) as counted:
        yield counted


def _show(steps: list[Step], figures: Mapping[str, int], records: int) -> None:
    columns = ("minutes", "CPU s", "us/record", "largest MB", "all, PSS MB", "scratch MB")
    print(f"\n{'':<36}" + "".join(f"{column:>13}" for column in columns))
    for step in steps:
        took = step.took
        each = took.cpu_seconds / records * 1e6
        print(
            f"{step.name[:36]:<36}{took.seconds / 60:>13.2f}{took.cpu_seconds:>13.1f}{each:>13.2f}"
            f"{took.rss_mb:>13,.0f}{took.together_mb:>13,.0f}{took.scratch_mb:>13,.0f}"
        )
    for step in steps:
        each = ", ".join(f"{name} {most:,.0f}" for name, most in step.took.pss_mb.items() if most >= 1)
        print(f"  {step.name}: the most of each process, PSS in MB: {each}")
        for counts in (step.database, step.requests):
            if counts:
                print(f"  {step.name}: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))
    print()
    for name, figure in figures.items():
        print(f"{name:<36}{figure:>18,}{figure / records:>12.2f} a record")


def _as_json(step: Step) -> dict[str, object]:
    return {**asdict(step), "took": {**asdict(step.took), "output": None}}


def _entry(number: int) -> AccountEntry:
    sid = AccountSid(account_sid(number))
    return AccountEntry(sid=sid, token=None, parent=None, state=None, friendly_name="", email=None)


if __name__ == "__main__":
    main()
