"""Any one object is flipped, cut, removed or swapped, any row of one account is edited: everybody else is served.

An instance with sealed days, records that wait, and days that are published is damaged in one place; then late records
come for everybody. Accounts without a line in what is damaged get their days and files; the damage is named; nothing
wrong is served; and once the place is as it was, nothing that was acknowledged is missing. Sealed files share packs,
and in a second round each has an object of its own.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dayfile.errors import DayfileError
from dayfile.files import segments as segment_files
from dayfile.model.account import AccountSid
from dayfile.model.credential import Actor
from dayfile.model.day import Day
from dayfile.model.job import Status
from dayfile.model.resource import MESSAGES
from tests.support import damage as harm
from tests.support import world as world_support
from tests.support.records import Sent, newest
from tests.support.state import a_job_request, a_sid, an_account
from tests.support.world import World

NAMES = ("acme", "other", "third", "fourth")
ACCOUNTS = tuple(AccountSid(a_sid("AC", name)) for name in NAMES)
DAYS = ("2026-11-01", "2026-11-02")
LANES = 50
"""The places are dealt out to so many tests; one of them runs every time, all with `make test-all`."""

dealt_out = pytest.mark.parametrize(
    "lane", [pytest.param(lane, marks=[pytest.mark.slow] if lane else []) for lane in range(LANES)]
)


def _message(account: AccountSid, name: str, day: str, *, updated: int = 1, body: str = "hello") -> Sent:
    at = f"{day}T10:00:00Z"
    return Sent(account=account, name=f"{account} {name}", created=at, updated=at[:-3] + f"{updated:02}Z", body=body)


def _noise(number: int) -> str:
    return "".join(a_sid("", f"{number} {part}") for part in range(60))  # does not compress, so it needs an object


FIRST = [_message(one, name, day) for day in DAYS for one in ACCOUNTS for name in ("a", "b")]
SECOND = [_message(one, "a", DAYS[0], updated=2, body="second") for one in ACCOUNTS[:3]]
LARGE = [_message(one, f"{n}", DAYS[1], body=_noise(n)) for one in ACCOUNTS[:2] for n in range(120)]
SMALL = [[_message(one, "small", day, body="small")] for day in DAYS for one in ACCOUNTS[:3]]  # one batch each
LATE = [_message(one, "b", day, updated=5, body="late") for day in DAYS for one in ACCOUNTS]
SENT = [*FIRST, *SECOND, *LARGE, *(one for batch in SMALL for one in batch), *LATE]


@pytest.fixture(scope="module")
def beginning(packed_files: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance with sealed days of two revisions, published ones, and segments of all kinds that wait."""
    folder = tmp_path_factory.mktemp("beginning")
    world = World(folder)
    for name in NAMES:
        an_account(world.database, name)
    world.worker.open_days()
    for sent in (FIRST, SECOND):
        world.accept(sent)
        world.clock.pass_by(timedelta(minutes=11))
        world.work()
    for account in ACCOUNTS:
        _submit(world, account)
    world.work()
    for sent in (LARGE, *SMALL):
        world.accept(sent)
    world.close()
    return folder


def _submit(world: World, account: AccountSid) -> None:
    with world.database.snapshot() as tx:
        request = a_job_request(tx.accounts.get(account), *DAYS)
    world.jobs.submit(request)


def _places(beginning: Path) -> list[Path]:
    """The objects that something refers to, as paths below the folder."""
    world = World(beginning, process=100)
    keys = sorted(key for key in world.referred_keys() if "/seal-" not in key)  # no record hangs from manifests
    world.close()
    return [Path("objects", key) for key in keys]


@dataclass(frozen=True)
class Case:
    """One damage: how it is done, how it is undone, and whose lines it may concern."""

    name: str
    do: Callable[[Path], None]
    undo: Callable[[Path], None]
    touched: frozenset[AccountSid]


def _object_cases(beginning: Path) -> Iterator[Case]:
    paths = _places(beginning)
    hows: dict[str, Callable[[Path], object]] = {
        "flip": harm.flip,
        "flip near its end": lambda path: harm.flip(path, -700 if path.suffix == ".parquet" else -5),
        "flip its first byte": lambda path: harm.flip(path, 0),
        "flip its last byte": lambda path: harm.flip(path, -1),
        "cut": harm.cut,
        "empty": lambda path: path.write_bytes(b""),
        "remove": harm.remove,
    }
    for path in paths:
        for how, do in hows.items():
            yield Case(
                f"{how} {path}",
                lambda folder, path=path, do=do: do(folder / path),  # type: ignore[misc]
                lambda folder, path=path: _restore(beginning, folder, path),  # type: ignore[misc]
                _accounts_in(beginning / path),
            )
    for one, other in zip(paths, [*paths[1:], paths[0]], strict=True):
        yield Case(
            f"swap {one} with {other}",
            lambda folder, one=one, other=other: _swap(folder / one, folder / other),  # type: ignore[misc]
            lambda folder, one=one, other=other: _restore(beginning, folder, one, other),  # type: ignore[misc]
            _accounts_in(beginning / one) | _accounts_in(beginning / other),
        )


def _swap(one: Path, other: Path) -> None:
    harm.swap(one, other)


def _restore(beginning: Path, folder: Path, *paths: Path) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(beginning / path, folder / path)


def _accounts_in(path: Path) -> frozenset[AccountSid]:
    text = str(path)
    if "account=" in text:
        return frozenset({AccountSid(text.partition("account=")[2][:34])})
    if "/pack-" in text:
        return frozenset(ACCOUNTS)  # its files of one account or more
    lines = segment_files.decode(path)
    return frozenset(account for account in ACCOUNTS if any(account.encode() in line for line in lines))


EDITED = ("sealed_day", "segment", "segment_inline", "day_file", "job", "job_day", "export_configuration")
"""Tables with rows that belong to one account."""


def _row_cases(beginning: Path) -> Iterator[Case]:
    with closing(sqlite3.connect(beginning / "dayfile.sqlite")) as database:
        database.row_factory = sqlite3.Row
        for table in EDITED:
            for row in database.execute(f"SELECT rowid AS at, * FROM {table}"):  # noqa: S608 - names of ours
                account = _account_of(database, table, row)
                if account is None:
                    continue
                for column in row.keys()[1:]:
                    value = _edited(row[column])
                    yield Case(
                        f"edit {column} of {table} {row['at']}",
                        _editing(table, row["at"], column, value),
                        _editing(table, row["at"], column, row[column]),
                        frozenset({account}),
                    )


def _account_of(database: sqlite3.Connection, table: str, row: sqlite3.Row) -> AccountSid | None:
    """The account of a row; None for one that several share."""
    if "account" in row.keys():  # noqa: SIM118 - a row is no mapping
        return AccountSid(row["account"])
    if table == "job_day":
        return AccountSid(database.execute("SELECT account FROM job WHERE sid = ?", (row["job_sid"],)).fetchone()[0])
    if table == "segment_inline":
        row = database.execute("SELECT * FROM segment WHERE id = ?", (row["segment_id"],)).fetchone()
    packed = row["accounts"]
    found = [account for account in ACCOUNTS if bytes.fromhex(account[2:18]) in packed]
    return found[0] if len(found) == 1 else None


def _edited(value: Any) -> Any:
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value[:-1] + ("1" if value[-1:] != "1" else "2")
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1])
    return None


def _editing(table: str, at: int, column: str, value: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        with closing(sqlite3.connect(folder / "dayfile.sqlite")) as database, database:
            where = f"UPDATE OR IGNORE {table} SET {column} = ? WHERE rowid = ?"  # noqa: S608 - names of ours
            database.execute("PRAGMA ignore_check_constraints = on")
            with suppress(sqlite3.IntegrityError):
                database.execute(where, (value, at))

    return edit


def _work(world: World) -> None:
    """Do the work of a while: a step that fails is logged, and the others go on."""
    for _ in range(4):
        world.clock.pass_by(timedelta(minutes=6))
        for _ in range(30):
            done = [loop.tick() for loop in world.worker._loops]
            if not any(done):
                break


def _expected(account: AccountSid, day: str) -> dict[str, str]:
    return {key[2]: sent.body for key, sent in newest(SENT).items() if key[:2] == (account, day)}


def _published(world: World, account: AccountSid) -> dict[str, dict[str, str]]:
    """Return the records that downloads of the account give now, by day and sid; damaged files give none."""
    found: dict[str, dict[str, str]] = {}
    for file in world.listed(account):
        if file.sealed is None:
            found[str(file.day)] = {}
            continue
        try:
            content = world.bytes_of(file.sealed)
        except DayfileError:
            continue
        if hashlib.sha256(content).hexdigest() == file.sealed.sha256:  # else a download of it fails
            found[str(file.day)] = {str(one["sid"]): str(one["body"]) for one in world.records_of(file.sealed)}
    return found


def _check_damaged(world: World, case: Case) -> None:
    for account in set(ACCOUNTS) - case.touched:
        given = _published(world, account)
        assert given == {day: _expected(account, day) for day in DAYS}, f"{case.name}: {account} is not served"
    acknowledged = {(one.account, one.created[:10], one.sid, one.body) for one in SENT}
    is_served = True
    for account in case.touched:
        given = _published(world, account)
        wrong = {
            (account, day, sid, body)
            for day, records in given.items()
            for sid, body in records.items()
            if (account, day, sid, body) not in acknowledged
        }
        assert wrong == set(), f"{case.name}: something wrong is served"
        is_served = is_served and given == {day: _expected(account, day) for day in DAYS}
    assert is_served or world.findings() != [], f"{case.name}: nothing is named"


def _check_restored(world: World, case: Case) -> None:
    for account in ACCOUNTS:
        found = {day: {str(one["sid"]): str(one["body"]) for one in world.records(account, day)} for day in DAYS}
        assert found == {day: _expected(account, day) for day in DAYS}, f"{case.name}: not all of it is back"
    assert world.findings() == [], case.name


def _begun(beginning: Path, folder: Path, case: Case) -> World:
    shutil.copytree(beginning, folder)
    case.do(folder)
    world = World(folder, process=2)
    world.clock.pass_by(timedelta(minutes=30))
    world.accept(LATE)
    for account in ACCOUNTS:
        with suppress(Exception):
            _submit(world, account)
    _work(world)
    return world


@dealt_out
def test_any_object_may_be_damaged_and_restored(beginning: Path, tmp_path: Path, lane: int) -> None:
    """Damage of one object ends with its repair, whichever object it is."""
    for number, case in enumerate([*_object_cases(beginning)][lane::LANES]):
        folder = tmp_path / str(number)
        world = _begun(beginning, folder, case)
        _check_damaged(world, case)
        case.undo(folder)
        world.clock.pass_by(timedelta(hours=1))
        _work(world)
        _check_restored(world, case)
        world.close()
        shutil.rmtree(folder)


@dealt_out
def test_any_object_may_be_given_up(beginning: Path, tmp_path: Path, lane: int) -> None:
    """Then its account has what is left, everybody else has everything, and nothing is named any more."""
    for number, case in enumerate([*_object_cases(beginning)][lane::LANES]):
        folder = tmp_path / str(number)
        world = _begun(beginning, folder, case)
        with world.database.snapshot() as tx:
            damages = tx.damages.page(limit=99)
        for damage in damages:
            world.repairs.accept(damage.key, actor=Actor(name="operator"))
        _work(world)
        for account in set(ACCOUNTS) - case.touched:
            assert _published(world, account) == {day: _expected(account, day) for day in DAYS}, case.name
        for account in case.touched:
            for day in DAYS:
                found = {str(one["sid"]): one["body"] for one in world.records(account, day)}
                late = {key[2]: one.body for key, one in newest(LATE).items() if key[:2] == (account, day)}
                assert found.items() >= late.items(), case.name
        with world.database.snapshot() as tx:
            assert tx.damages.count() == 0, case.name
            for damage in damages:
                current = tx.sealed_days.of_day(MESSAGES, damage.day)
                touched = [one for account, one in current.items() if damage.blocks(account, one.key)]
                assert all(one.is_incomplete for one in touched), case.name
            assert tx.segments.waiting(held=True) == [], case.name
        world.close()
        shutil.rmtree(folder)


@dealt_out
def test_any_row_of_an_account_may_be_edited(beginning: Path, tmp_path: Path, lane: int) -> None:
    """A row that says something else than it did is that account's trouble, and nobody else's; none stops a check."""
    for number, case in enumerate([*_row_cases(beginning)][lane::LANES]):
        folder = tmp_path / str(number)
        world = _begun(beginning, folder, case)
        for account in set(ACCOUNTS) - case.touched:
            given = _published(world, account)
            assert given == {day: _expected(account, day) for day in DAYS}, f"{case.name}: {account} is not served"
        named = [found for found in world.findings() if found.startswith("what rows say can be read")]
        assert len(named) == ("edit resource_type" in case.name), case.name
        world.close()
        shutil.rmtree(folder)


def test_there_are_objects_and_rows_of_all_kinds(beginning: Path) -> None:
    """Else the tests above would prove less than they say."""
    names = [case.name for case in _object_cases(beginning)]
    for kind in ("/pack-",) if world_support.PACK_BELOW else ("revision-1-", "revision-2-"):
        assert any(kind in name for name in names), kind
    assert any(".parquet" in name for name in names)
    edited = {case.name.split()[3] for case in _row_cases(beginning)}
    assert edited >= {"sealed_day", "segment", "segment_inline", "day_file", "job", "job_day"}
    assert Day.parse(DAYS[0]) < Day.parse(DAYS[1])
    assert Status.COMPLETED.is_final
