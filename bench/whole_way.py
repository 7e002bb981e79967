"""Processor time from raw lines to sealed files: by POST, by `dayfile intake`, and by other tools in one go.

    python bench/whole_way.py [--records 300000] [--spelling "with spaces"] [--bodies FILE]

A file of messages of one day is made up, each in three versions, in the spelling that is asked for. Dayfile takes it
in and seals the day: durable after each batch, one hashed file for each of 50 accounts. Beside it DuckDB, Polars and,
if it is installed (`pip install chdb`), ClickHouse read the same file, keep the newest version of each record and
write one gzip file in the order of accounts and times, neither durable nor hashed. Each is a process of its own; what
it takes to start is part of it, and for `dayfile seal` it is shown apart. Dayfile is compiled before, as installers do.
`dayfile intake` is run on all cores, with a process for each, and on one, by itself.
"""

from __future__ import annotations

import argparse
import base64
import compileall
import gzip
import http.client
import importlib.util
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

from intake_records import records
from servers import DAYFILE, cpu_seconds, started
from spellings import SPELLINGS

import dayfile
from dayfile.model.account import KEEP_OLD_FOR, AccountSid
from dayfile.model.account_entry import AccountEntry
from dayfile.model.credential import Scope
from dayfile.service import Service
from dayfile.settings import Settings

ACCOUNTS = 50
VERSIONS = 3
LINES = 5000  # of a POST

DUCKDB = """
import duckdb, sys
source, target = sys.argv[1:]
connection = duckdb.connect(config={"threads": 2})
connection.execute("SET enable_progress_bar = false")
connection.execute(f'''
    COPY (
        SELECT * FROM read_json('{source}', format = 'newline_delimited')
        QUALIFY row_number() OVER (PARTITION BY sid ORDER BY date_updated DESC) = 1
        ORDER BY account_sid, date_created, sid
    ) TO '{target}' (FORMAT json, COMPRESSION gzip)
''')
"""
POLARS = """
import polars, sys
source, target = sys.argv[1:]
(
    polars.scan_ndjson(source, infer_schema_length=1000)
    .sort("date_updated")
    .unique("sid", keep="last")
    .sort("account_sid", "date_created", "sid")
    .sink_ndjson(target, compression="gzip", check_extension=False)
)
"""
CLICKHOUSE = """
import chdb, sys
source, target = sys.argv[1:]
chdb.query(f'''
    SELECT * FROM (SELECT * FROM file('{source}', JSONEachRow) ORDER BY date_updated DESC LIMIT 1 BY sid)
    ORDER BY account_sid, date_created, sid
    INTO OUTFILE '{target}' COMPRESSION 'gzip' FORMAT JSONEachRow SETTINGS max_threads = 2
''')
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """The seconds that something took, and those of the processors."""

    seconds: float
    cpu_seconds: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.seconds + other.seconds, self.cpu_seconds + other.cpu_seconds)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=300_000)
    parser.add_argument("--spelling", choices=SPELLINGS, default="with spaces")
    parser.add_argument("--bodies", type=Path, help="a file of message texts, one a line")
    options = parser.parse_args()
    texts = options.bodies.read_text(encoding="utf-8").splitlines() if options.bodies else None
    for folder in dayfile.__path__:
        compileall.compile_dir(folder, quiet=1)
    with tempfile.TemporaryDirectory(prefix="dayfile-bench-") as name:
        folder = Path(name)
        accounts = [f"AC{number:032x}" for number in range(ACCOUNTS)]
        source = folder / "messages.jsonl"
        count = _write_lines(source, accounts, options.records, spelling=options.spelling, texts=texts)
        print(f"{count:,} lines, {options.spelling}, {source.stat().st_size / 1e6:,.0f} MB", flush=True)
        print(f"{'':<36}{'seconds':>9}{'CPU s':>8}{'us a line':>11}", flush=True)

        def show(what: str, cost: Cost) -> None:
            print(
                f"{what:<36}{cost.seconds:>9.2f}{cost.cpu_seconds:>8.2f}{cost.cpu_seconds / count * 1e6:>11.1f}",
                flush=True,
            )

        show("dayfile intake and seal", _by_file(folder / "by-file", accounts, source, show))
        one_core = _by_file(folder / "on-one-core", accounts, source, show, cores=1)
        show("the same, reading on one core", one_core)
        by_post = _by_post(folder / "by-post", accounts, source, show)
        show("POST and dayfile seal", by_post)
        for tool, script in _tools().items():
            show(tool, _run([sys.executable, "-c", script, str(source), str(folder / f"{tool}.json.gz")]))


def _write_lines(
    target: Path, accounts: Sequence[str], count: int, *, spelling: str, texts: Sequence[str] | None
) -> int:
    """Write every version of the records of a day, one version after the other; return the number of lines."""
    spell, rng = SPELLINGS[spelling], random.Random(1)
    with target.open("wb") as file:
        for version in range(VERSIONS):
            for line in records(accounts, lines=count, seed=1, texts=texts):
                members = json.loads(line)
                updated = f"{members['date_created'][:-3]}{50 + version}Z"
                file.write(spell(members | {"date_updated": updated, "status": f"v{version}"}, rng) + b"\n")
    return count * VERSIONS


def _tools() -> dict[str, str]:
    tools = {"DuckDB": DUCKDB, "Polars": POLARS, "ClickHouse (chDB)": CLICKHOUSE}
    modules = dict(zip(tools, ("duckdb", "polars", "chdb"), strict=True))
    return {tool: script for tool, script in tools.items() if importlib.util.find_spec(modules[tool])}


def _by_file(
    folder: Path,
    accounts: Sequence[str],
    source: Path,
    show: Callable[[str, Cost], None],
    *,
    cores: int | None = None,
) -> Cost:
    environment = _new_instance(folder, accounts)[0]
    taken = _run([sys.executable, "-m", "dayfile", "intake", "Messages", str(source)], environment, cores=cores)
    show("  dayfile intake", taken)
    return taken + _sealed(environment, show)


def _by_post(folder: Path, accounts: Sequence[str], source: Path, show: Callable[[str, Cost], None]) -> Cost:
    environment, headers = _new_instance(folder, accounts)
    with source.open("rb") as lines:
        bodies = [gzip.compress(b"".join(some), 6) for some in _batches(lines)]
    with started([*DAYFILE, "--no-worker"], folder) as (url, pid):
        start, start_cpu = time.perf_counter(), cpu_seconds(pid)
        _send(url, headers, bodies)
        taken = Cost(time.perf_counter() - start, cpu_seconds(pid) - start_cpu)
    show("  POST, the server alone", taken)
    return taken + _sealed(environment, show)


def _sealed(environment: dict[str, str], show: Callable[[str, Cost], None]) -> Cost:
    seal = [sys.executable, "-m", "dayfile", "seal"]
    sealed = _run(seal, environment)
    show("  dayfile seal", sealed)
    show("  the same with nothing to seal", _run(seal, environment))
    return sealed


def _batches(lines: Iterator[bytes]) -> Iterator[list[bytes]]:
    while some := list(islice(lines, LINES)):
        yield some


def _new_instance(folder: Path, accounts: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """A new instance with these accounts: the environment of its commands, and the headers of a platform."""
    folder.mkdir()
    with Service.open(Settings.read(data_dir=folder / "data")) as service:
        service.administration.bring([_entry(account) for account in accounts], keep_old_for=KEEP_OLD_FOR)
        key = service.administration.create_key(account=None, scopes=[Scope.INTAKE])
    basic = base64.b64encode(f"{key.key.sid}:{key.secret}".encode()).decode()
    return os.environ | {"DAYFILE_DATA_DIR": str(folder / "data")}, {"Authorization": f"Basic {basic}"}


def _entry(account: str) -> AccountEntry:
    return AccountEntry(sid=AccountSid(account), token=None, parent=None, state=None, friendly_name="", email=None)


def _send(url: str, headers: dict[str, str], bodies: Sequence[bytes]) -> None:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    for body in bodies:
        connection.request("POST", "/v1/Records/Messages", body, headers | {"Content-Encoding": "gzip"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {answer.read().decode()}")
        answer.read()


def _run(command: Sequence[str], environment: dict[str, str] | None = None, *, cores: int | None = None) -> Cost:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with _only_on(cores):  # a child runs where its parent may
        process = subprocess.Popen(command, env=environment, **quiet)
    if process.wait():
        raise subprocess.CalledProcessError(process.returncode, command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.perf_counter() - start, used)


@contextmanager
def _only_on(cores: int | None) -> Iterator[None]:
    """Run on so many cores, of those that there are; None: on all."""
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(every)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, every)


if __name__ == "__main__":
    main()
