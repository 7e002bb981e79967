"""Rows of one account that say what no Dayfile writes: text for a number, bytes for a text, a word that is none.

SQLite takes them all. The row is edited in an instance with rows in nearly every table; then records come for
everybody, and everybody asks. Others have their days and files, nothing looks like a bug, and a check names the row.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
import structlog

from dayfile.errors import DayfileError
from dayfile.model.account import AccountSid
from dayfile.store.tables.metadata import metadata
from tests.support.records import Sent
from tests.support.state import AUTH_TOKEN, a_job_request, a_sid, an_account
from tests.support.world import ALL_PACKED, World

ACME, OTHER, THIRD = ACCOUNTS = tuple(AccountSid(a_sid("AC", name)) for name in ("acme", "other", "third"))
DAYS = ("2026-11-01", "2026-11-02")
LANES: Final = 60
"""The columns are dealt out to so many tests; one of them runs every time, all with `make test-all`."""

OF_ALL: Final = frozenset({"clock_mark", "counter", "instance", "pack", "seal"})
"""Tables whose rows nobody can do without, or several accounts cannot."""

OWNERS: Final = ("account", "root_account", "parent", "credential")


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A value in a column of one row."""

    table: str
    column: str
    value: Any
    rowid: int

    def __str__(self) -> str:
        return f"{self.table}.{self.column} = {self.value!r}"

    def make(self, folder: Path) -> bool:
        """Write it, past every constraint that is none of a type; False if a constraint is in the way."""
        is_odd = isinstance(self.value, bytearray)  # a text that is not UTF-8
        value, given = bytes(self.value) if is_odd else self.value, "CAST(? AS TEXT)" if is_odd else "?"
        with (
            closing(sqlite3.connect(folder / "dayfile.sqlite")) as database,
            database,
            suppress(sqlite3.IntegrityError),
        ):
            edit = f"UPDATE {self.table} SET {self.column} = {given} WHERE rowid = ?"  # noqa: S608 - names of ours
            database.execute(edit, (value, self.rowid))
            return True
        return False

    def is_there(self, folder: Path) -> bool:
        """Return True if the row still says so: a seal takes segments away, and a claim is released."""
        with closing(sqlite3.connect(folder / "dayfile.sqlite")) as database:
            database.text_factory = bytes
            query = f"SELECT {self.column} FROM {self.table} WHERE rowid = ?"  # noqa: S608 - names of ours
            row = database.execute(query, (self.rowid,)).fetchone()
        wanted = self.value.encode() if isinstance(self.value, str) else self.value
        return row is not None and row[0] == wanted


class _Bugs:
    """Everything that is logged with an error that no one raises on purpose."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def taken(self) -> list[str]:
        """The bugs that were found since the last call."""
        found, self.found = self.found, []
        return found

    def record(self, _: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        info = event.get("exc_info")
        error = sys.exc_info()[1] if info is True else info
        if error is not None and not isinstance(error, DayfileError):
            self.found.append(f"{event['event']}: {error!r}")
        raise structlog.DropEvent


@pytest.fixture
def bugs() -> Iterator[_Bugs]:
    """Bugs that the log tells of."""
    bugs, before = _Bugs(), structlog.get_config()["processors"]
    structlog.configure(processors=[bugs.record])
    yield bugs
    structlog.configure(processors=before)


def _sent(*, updated: int, body: str) -> list[Sent]:
    return [
        Sent(
            account=account,
            name=f"{account} a",
            created=f"{day}T10:00:00Z",
            updated=f"{day}T10:00:{updated:02}Z",
            body=body,
        )
        for day in DAYS
        for account in ACCOUNTS
    ]


def _submit(world: World, account: AccountSid) -> None:
    with world.database.snapshot() as tx:
        request = a_job_request(tx.accounts.get(account), *DAYS)
    world.jobs.submit(request)


@pytest.fixture(scope="module")
def beginning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance in use, whose first rows are of one account where rows are of accounts."""
    folder = tmp_path_factory.mktemp("beginning")
    world = World(folder, pack_below=ALL_PACKED)
    for name in ("acme", "other", "third"):
        an_account(world.database, name, email=f"{name}@example.com")
    world.worker.open_days()
    for account in ACCOUNTS[:2]:
        world.enable(account, webhook_url="https://example.com/hook")
    world.accept(_sent(updated=1, body="first"), idempotency_key="first")
    world.clock.pass_by(timedelta(minutes=11))
    world.work()
    for account in ACCOUNTS:
        _submit(world, account)
    world.work()
    world.accept([_sent(updated=2, body="second")[0]])
    nobody, at = AccountSid(a_sid("AC", "nobody")), f"{DAYS[0]}T10:00:00Z"
    world.accept([Sent(account=nobody, name="x", created=at, updated=at)])
    world.service.administration.create_key(account=ACME)
    world.close()
    with closing(sqlite3.connect(folder / "dayfile.sqlite")) as database, database:
        database.executescript(_MORE_ROWS.format(acme=ACME, packed=ACME[2:18]))
    return folder


_MORE_ROWS: Final = """
    CREATE TEMP TABLE at AS SELECT max(submitted_at) AS now FROM job;
    INSERT INTO session SELECT x'01', '{acme}', x'02', now, now + 100000000000 FROM at;
    INSERT INTO quota_day VALUES ('{acme}', '2026-11-02', 3);
    INSERT OR IGNORE INTO daily_withheld VALUES ('Messages', '2026-11-01', '{acme}');
    INSERT INTO damage (object_key, kind, account, accounts, resource_type, day, reason, state, found_at, looked_at)
        SELECT 'sealed/none', 'file', '{acme}', x'{packed}', 'Messages', '2026-11-01', 'gone', 'open', now, now FROM at;
    INSERT INTO read_object SELECT object_key, 100, 5, now FROM pack, at LIMIT 1;
    INSERT INTO scrub SELECT 1, 'w', now FROM at;
"""


def _row_of(database: sqlite3.Connection, table: str, columns: set[str]) -> int | None:
    """Return a row of the first account, or the first row of a table that has none of anybody."""
    wanted = [f"{column} = '{ACME}'" for column in OWNERS if column in columns and table != "receipt"]
    if table == "account":
        wanted = [f"sid = '{ACME}'"]
    elif table == "job_day":
        wanted = [f"job_sid IN (SELECT sid FROM job WHERE account = '{ACME}')"]  # noqa: S608 - a name of ours
    elif table == "attempt":
        wanted = [f"notice_sid IN (SELECT sid FROM notice WHERE account = '{ACME}')"]  # noqa: S608 - a name of ours
    elif table in {"segment", "segment_inline"}:
        wanted = ["1"]  # what waits is of that account
    query = f"SELECT min(rowid) FROM {table} WHERE {' OR '.join(wanted) or '1'}"  # noqa: S608 - names of ours
    found: int | None = database.execute(query).fetchone()[0]
    return found


def _edits(beginning: Path) -> Iterator[Edit]:
    with closing(sqlite3.connect(beginning / "dayfile.sqlite")) as database:
        for table in (one.name for one in metadata.sorted_tables):
            columns = {row[1]: row for row in database.execute(f"PRAGMA table_info({table})")}
            rowid = _row_of(database, table, set(columns))
            if rowid is None:
                continue
            for name, (_, _, kind, _, _, key) in columns.items():
                if not (kind == "INTEGER" and key):  # SQLite itself keeps the number of a row to numbers
                    for value in _impossible(kind):
                        yield Edit(table=table, column=name, value=value, rowid=rowid)


def _impossible(kind: str) -> tuple[Any, ...]:
    if kind == "BLOB":
        return "nonsense", 5
    if kind in {"INTEGER", "BIGINT"}:
        return "twelve", (1 << 63) - 1, b"\xff\x00"
    return b"\xff\x00", bytearray(b"\xff\xfe"), "nonsense"


async def _asked(world: World) -> dict[str, int]:
    """Ask as the second account does; return the statuses of the answers."""
    there = httpx2.ASGITransport(app=world.service.api())
    async with httpx2.AsyncClient(transport=there, base_url="http://here", auth=(OTHER, AUTH_TOKEN)) as client:
        paths = ("/healthz", "/readyz", "/v1/Exports/Messages/Days", "/v1/Exports/Messages/Jobs")
        return {path: (await client.get(path)).status_code for path in paths}


def _live(world: World) -> None:
    """Take records in, have everybody ask for them, and do the work of a while."""
    world.clock.pass_by(timedelta(minutes=30))
    with suppress(DayfileError):
        world.accept(_sent(updated=3, body="late"))
    for account in ACCOUNTS:
        with suppress(DayfileError):
            _submit(world, account)
    for _ in range(4):
        world.clock.pass_by(timedelta(minutes=6))
        for _ in range(30):
            done = [loop.tick() for loop in world.worker._loops]
            if not any(done):
                break


def _unserved(world: World) -> list[str]:
    """Return what others do not get."""
    found = [f"{path} is {status}" for path, status in asyncio.run(_asked(world)).items() if status != HTTPStatus.OK]
    for account in (OTHER, THIRD):
        listed = {str(file.day): file.sealed for file in world.listed(account)}
        for day in DAYS:
            sealed = listed.get(day)
            if sealed is None or [record["body"] for record in world.records_of(sealed)] != ["late"]:
                found.append(f"{account} lacks {day}")
    return found


def _findings(world: World) -> list[str]:
    """Return what a check finds, or why it ends: either names what is wrong."""
    try:
        return world.findings(deep=False)
    except DayfileError as error:
        return [str(error)]


@pytest.mark.parametrize(
    "lane", [pytest.param(lane, marks=[pytest.mark.slow] if lane else []) for lane in range(LANES)]
)
def test_a_row_that_says_what_it_cannot_is_its_owners_trouble(
    beginning: Path, tmp_path: Path, bugs: _Bugs, lane: int
) -> None:
    """One edit by hand, or one byte of a disk, must not be the day on which nobody gets their files."""
    wrong: dict[str, list[str]] = {}
    for number, edit in enumerate([*_edits(beginning)][lane::LANES]):
        folder = shutil.copytree(beginning, tmp_path / str(number))
        if edit.make(folder) and (problems := [*_problems(folder, edit), *bugs.taken()]):
            wrong[str(edit)] = problems
        shutil.rmtree(folder)
    assert wrong == {}


def _problems(folder: Path, edit: Edit) -> Iterator[str]:
    try:
        world = World(folder, process=2, scrub_days=1, pack_below=ALL_PACKED)
    except DayfileError as error:
        if edit.table not in OF_ALL:
            yield f"no start: {error}"
        return
    with closing(world):
        _live(world)
        found = _findings(world)
        # Most texts may be any word, and the storage may count its time as it likes.
        may_be = edit.value == "nonsense" or (edit.column == "modified_ns" and isinstance(edit.value, int))
        if edit.is_there(folder) and not may_be and not any(f"the table {edit.table}" in one for one in found):
            yield f"it is not named: {found}"
        if edit.table not in OF_ALL:
            yield from _unserved(world)


def test_a_file_that_leads_to_nobody_stops_its_day(beginning: Path, tmp_path: Path) -> None:
    """Its owner is unknown: sealed without it, somebody's next file would lack records and call itself whole."""
    folder = shutil.copytree(beginning, tmp_path / "edited")
    with closing(sqlite3.connect(folder / "dayfile.sqlite")) as database, database:
        database.execute(
            "UPDATE sealed_day SET account = '?', file_key = '?' WHERE account = ? AND day = ?", (ACME, DAYS[0])
        )
    with closing(World(folder, process=2, pack_below=ALL_PACKED)) as world:
        _live(world)
    with closing(sqlite3.connect(folder / "dayfile.sqlite")) as database:
        days = {day for (day,) in database.execute("SELECT day FROM sealed_day WHERE account = ?", (ACME,))}
        assert days == {DAYS[1]}
        assert database.execute("SELECT count(*) FROM segment WHERE day = ?", (DAYS[0],)).fetchone() > (0,)


def test_rows_of_nearly_all_tables_are_edited(beginning: Path) -> None:
    """Else the test above would prove less than it says."""
    assert {one.name for one in metadata.sorted_tables} - {edit.table for edit in _edits(beginning)} <= {
        "backup",
        "daily_run",
        "rejection",
        "worker",
    }
