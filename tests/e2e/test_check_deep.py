"""`dayfile check --deep` reads all that a promise depends on: every object, and every row that names one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pyarrow import ArrowException
from pyarrow.parquet import ParquetFile, read_table
from sqlalchemy import select, update

from dayfile.errors import DamagedObject
from dayfile.files.examination import examine_segment
from dayfile.model.account import AccountSid
from dayfile.store.tables.accounts import account as account_table
from dayfile.store.tables.records import segment, segment_inline
from dayfile.store.tables.sealing import sealed_day
from tests.support.records import Sent
from tests.support.state import a_sid, an_account
from tests.support.world import World

ACME, OTHER = (AccountSid(a_sid("AC", name)) for name in ("acme", "other"))
SEALED, WAITING, OTHER_DAY = "2026-11-01", "2026-11-02", "2026-11-03"
KEPT, COMPLETE = "accepted records are kept", "a sealed file is complete"


def messages(account: str, day: str, count: int, body: str = "b") -> list[Sent]:
    """Return messages of one account and day that gzip can do little with."""
    return [
        Sent(
            account=account,
            name=f"{account} {day} {number}",
            created=f"{day}T10:{number // 60 % 60:02}:{number % 60:02}Z",
            updated=f"{day}T11:00:00Z",
            body=body + a_sid("XX", f"{number}"),
        )
        for number in range(count)
    ]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An instance with a sealed day of two accounts, and one that waits, in an object and in the database."""
    world = World(tmp_path, scrub_days=7)
    for name in ("acme", "other"):
        an_account(world.database, name)
    for account in (ACME, OTHER):
        world.accept(messages(account, SEALED, 20))
    world.seal(SEALED)
    for account in (ACME, OTHER):
        world.accept(messages(account, WAITING, 1000))
        world.accept(messages(account, OTHER_DAY, 3))
    assert world.findings() == []
    yield world
    world.close()


def found(world: World) -> set[tuple[str, str]]:
    """Return which invariants are broken, and of what."""
    return {(invariant, subject) for invariant, subject, _ in (one.split(": ", 2) for one in world.findings())}


def changed(path: Path, content: bytes) -> None:
    """Write an object over, which nobody should."""
    path.chmod(0o600)
    path.write_bytes(content)


def segment_paths(world: World) -> list[tuple[str, Path]]:
    """Return keys and files of the segments that wait in objects, in order of arrival."""
    with world.database.engine.begin() as connection:
        keys = connection.execute(select(segment.c.object_key).order_by(segment.c.id)).scalars().all()
    return [(key, world.objects.root / key) for key in keys if key is not None]


def test_a_byte_of_a_waiting_segment_that_changed_is_found(world: World) -> None:
    """In a line, in a column that says whose it is, in the footer: it would be sealed in days, and for ever."""
    (key, path), *_ = segment_paths(world)
    content = path.read_bytes()
    unseen = []
    for at in range(0, len(content), len(content) // 40):
        changed(path, content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :])
        if found(world) != {(KEPT, key)}:
            unseen.append(at)
    assert unseen == []


def test_a_column_of_a_segment_without_a_checksum_is_compared_with_its_lines(world: World) -> None:
    """Segments that an earlier version made have none: whose a line is must not hang from a byte that nobody proves."""
    (key, path), *_ = segment_paths(world)
    content, columns = path.read_bytes(), read_table(path).drop_columns("arrival")  # that is in no line
    with world.database.snapshot() as tx:
        [old] = [replace(one, checksum=None) for one in tx.segments.after(0, limit=9) if one.key == key]
    first = ParquetFile(path).metadata.row_group(0).column(0)
    start = first.dictionary_page_offset or first.data_page_offset
    seen = 0
    for at in range(start, len(content), (len(content) - start) // 200):
        changed(path, content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :])
        try:
            read = read_table(path).drop_columns("arrival")
        except (ArrowException, OSError):
            read = None
        if read != columns:
            with pytest.raises(DamagedObject):
                deque(examine_segment(old, world.objects))
            seen += 1
    assert seen > 100


@pytest.mark.parametrize("broken", [lambda content: content[:-1], lambda content: content + b"x", lambda _: b""])
def test_a_waiting_segment_that_was_cut_is_found(world: World, broken: Callable[[bytes], bytes]) -> None:
    """Its size says so, to a check that is not deep, too."""
    (key, path), *_ = segment_paths(world)
    changed(path, broken(path.read_bytes()))
    assert found(world) == {(KEPT, key)}
    assert [one for one in world.findings(deep=False) if one.startswith(KEPT)]


def test_waiting_segments_that_were_swapped_are_found(world: World) -> None:
    """Each is whole; the lines of one account would be sealed as those of a request that had none of them."""
    (first, one), (second, other) = segment_paths(world)
    contents = one.read_bytes(), other.read_bytes()
    changed(one, contents[1])
    changed(other, contents[0])
    # Rows that fit the swapped sizes, so that it is not these that tell.
    with world.database.engine.begin() as connection:
        for key, content in ((first, contents[1]), (second, contents[0])):
            connection.execute(update(segment).where(segment.c.object_key == key).values(stored_bytes=len(content)))
    assert found(world) == {(KEPT, first), (KEPT, second)}


@pytest.mark.parametrize("column", ["records", "plain_bytes", "day", "accounts"])
def test_a_row_of_a_waiting_segment_that_changed_is_found(world: World, column: str) -> None:
    """The object is whole, and what is said of it is not."""
    (key, _), *_ = segment_paths(world)
    values = {"records": 7, "plain_bytes": 7, "day": OTHER_DAY, "accounts": b""}
    with world.database.engine.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE segment SET {column} = ? WHERE object_key = ?",  # noqa: S608 - one of four names above
            (values[column], key),
        )
    assert found(world) == {(KEPT, key)}


def test_bytes_in_the_database_that_changed_are_found(world: World) -> None:
    """Small segments are rows, and a row can be damaged as a file can."""
    with world.database.engine.begin() as connection:
        rows = connection.execute(select(segment_inline).order_by(segment_inline.c.segment_id)).all()
    first, second = rows
    for broken in (first.data[:-1], first.data[:20] + b"\0" + first.data[21:], second.data, b""):
        with world.database.engine.begin() as connection:
            connection.execute(
                update(segment_inline).where(segment_inline.c.segment_id == first.segment_id).values(data=broken)
            )
        assert found(world) == {(KEPT, f"segment {first.segment_id}")}


def test_sealed_files_of_two_accounts_that_were_swapped_are_found(world: World) -> None:
    """With their rows: each object has the hash that is expected of it, and the lines of somebody else."""
    ours, theirs = world.sealed(ACME, SEALED), world.sealed(OTHER, SEALED)
    assert ours is not None
    assert theirs is not None
    one, other = (world.objects.root / sealed.key for sealed in (ours, theirs))
    contents = one.read_bytes(), other.read_bytes()
    changed(one, contents[1])
    changed(other, contents[0])
    assert found(world) == {(COMPLETE, ours.key), (COMPLETE, theirs.key)}
    with world.database.engine.begin() as connection:
        for sealed, as_if in ((ours, theirs), (theirs, ours)):
            values = {name: getattr(as_if, name) for name in ("size_bytes", "sha256", "plain_bytes", "plain_sha256")}
            connection.execute(update(sealed_day).where(sealed_day.c.id == sealed.id).values(values))
    assert found(world) == {(COMPLETE, ours.key), (COMPLETE, theirs.key)}


def test_a_row_that_names_the_object_of_another_account_is_found(world: World) -> None:
    """A check that is not deep sees it too."""
    ours, theirs = world.sealed(ACME, SEALED), world.sealed(OTHER, SEALED)
    assert ours is not None
    assert theirs is not None
    values = {name: getattr(theirs, name) for name in ("size_bytes", "sha256", "plain_bytes", "plain_sha256")}
    with world.database.engine.begin() as connection:
        connection.execute(
            update(sealed_day).where(sealed_day.c.id == ours.id).values(values | {"file_key": theirs.key})
        )
    assert (COMPLETE, theirs.key) in found(world)
    assert [one for one in world.findings(deep=False) if one.startswith(COMPLETE)]


@pytest.mark.parametrize(
    "values",
    [
        {"records": 19},
        {"plain_bytes": 1},
        {"plain_sha256": "a" * 64},
        {"sha256": "a" * 64},
        {"xxh3": "a" * 32},
        {"first_created_at": timedelta(seconds=1)},
        {"last_created_at": timedelta(seconds=1)},
    ],
)
def test_a_manifest_that_is_not_that_of_its_file_is_found(world: World, values: dict[str, object]) -> None:
    """It is what customers prove their files with."""
    sealed = world.sealed(ACME, SEALED)
    assert sealed is not None
    values = {
        name: getattr(sealed, name) + value if isinstance(value, timedelta) else value for name, value in values.items()
    }
    with world.database.engine.begin() as connection:
        connection.execute(update(sealed_day).where(sealed_day.c.id == sealed.id).values(values))
    assert found(world) == {(COMPLETE, sealed.key)}


def test_an_object_that_counts_and_would_be_swept_is_found(world: World) -> None:
    """Nothing is wrong with it yet; in a week it is gone."""
    sealed = world.sealed(ACME, SEALED)
    (key, _), *_ = segment_paths(world)
    assert sealed is not None
    now = world.clock.now()
    with world.database.transaction() as tx:
        tx.uploads.discard([key], now=now, delete_after=now + timedelta(days=7))
        tx.uploads.condemn([sealed.key], now=now, delete_after=now + timedelta(days=7))
    assert found(world) == {("what counts is not swept", key), ("what counts is not swept", sealed.key)}


@pytest.mark.parametrize("column", ["login_hash", "encrypted_token"])
def test_secrets_of_an_account_that_changed_are_found(world: World, column: str) -> None:
    """Its login fails, or its webhooks are signed with nothing: nobody would know why."""
    with world.database.engine.begin() as connection:
        row = connection.execute(select(account_table).where(account_table.c.sid == ACME)).one()
        stored = getattr(row, column)
        connection.execute(
            update(account_table).where(account_table.c.sid == ACME).values({column: stored[:-1] + b"\0"})
        )
    assert found(world) == {("an account can log in", ACME)}


def test_damage_that_is_known_is_named_once(world: World) -> None:
    """By every check, with object, account, day and what to do; the deep one does not say it twice."""
    sealed = world.sealed(ACME, SEALED)
    assert sealed is not None
    path = world.objects.root / sealed.key
    content = path.read_bytes()
    changed(path, content[:-1] + bytes([content[-1] ^ 1]))
    assert world.findings(deep=False) == []  # its size is right
    world.scrub.step()
    for deep in (False, True):
        [finding] = world.check(deep=deep)
        assert (finding.subject, finding.account, str(finding.day)) == (sealed.key, ACME, SEALED)
        assert "dayfile damage accept" in finding.detail


def test_damage_in_the_database_that_is_known_is_named_once(world: World) -> None:
    """A seal has met it; a check tells of it, and does not count it twice."""
    with world.database.engine.begin() as connection:
        connection.execute(update(segment_inline).values(data=b"x"))
    known = found(world)
    assert len(known) == 2
    world.seal(OTHER_DAY)
    assert len(world.findings()) == len(known)
