"""Dedupe: the newest version of each record, and the order of the lines in the day files.

DuckDB finds both from the key columns alone and spills what it cannot hold; no line passes through it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import duckdb

from dayfile.errors import Corrupt, StorageUnavailable, Unusable
from dayfile.files.key_columns import key_columns
from dayfile.files.segments import MAX_LINES
from dayfile.model.account import AccountSid
from dayfile.model.resource import ResourceType

_KEPT_SHARES: Final = 4
"""Once lines are ranked, DuckDB keeps this fraction (1/n) of the memory; the rest is for the lines themselves, so that
bringing them into order needs no more memory than ranking them, however many there are."""

RANK_BITS: Final = 32
"""Width of the rank in a place, in bits."""

_BLOCK_BITS: Final = 32  # of a block's place among those of all segments
_LEAST_BYTES: Final = 64_000_000  # below this DuckDB fails to sort what does not fit into memory
_SORTED_LINES: Final = 8_000_000  # places at once: with that much memory it failed at 40 million, not at 13 million
_LINES_TOGETHER: Final = 64  # each is up to 1 MiB
_ROWS_AT_ONCE: Final = 100_000
_YEAR_ONE: Final = 62_135_596_800  # seconds from the year 1 to 1970: no date is below it, so versions shift up safely
_GLOB: Final = re.compile(r"([*?\[])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A Parquet segment on this machine. Its id breaks ties between equal `date_updated`: the higher one wins."""

    id: int
    path: Path
    blocks: tuple[int, ...] | None = None  # to be read; None: all


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """A range of accounts, both ends included, except those in `without`; None leaves an end open."""

    first: AccountSid | None
    last: AccountSid | None
    without: frozenset[AccountSid] = frozenset()


class NewestLines:
    """The newest version of every record, ranked from 0 by account, time of creation and key."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def totals(self) -> Iterator[Any]:
        """Yield record batches, by account: account, records, plain_bytes, first_created, last_created (Unix time)."""
        return self._batches(
            """SELECT 'AC' || replace(ranked.account::VARCHAR, '-', '') AS account, count(*) AS records,
                      sum(length)::BIGINT AS plain_bytes, min(created) AS first_created, max(created) AS last_created
                 FROM ranked GROUP BY ranked.account ORDER BY ranked.account"""
        )

    def sizes(self) -> Iterator[Any]:
        """Yield record batches, by rank: lines and bytes of a few dozen consecutive lines each."""
        return self._batches(
            f"""SELECT count(*) AS lines, sum(length)::BIGINT AS bytes
                  FROM ranked GROUP BY rank // {_LINES_TOGETHER} ORDER BY rank // {_LINES_TOGETHER}"""  # noqa: S608
        )

    def visits(self) -> list[tuple[int, int, int]]:
        """Return the blocks that have newest lines, by lowest rank: number of the segment, block, lowest rank."""
        with _reported(), closing(self._connection.cursor()) as cursor:
            return cursor.sql("SELECT segment, block, lowest FROM visit ORDER BY lowest").fetchall()

    def places(self) -> Iterator[Any]:
        """Yield record batches, by visit and rank: place, row (counted from the start of the segment).

        A place is the number of a visit, shifted left by RANK_BITS, combined with a rank.
        """
        for first, last in self._portions():
            # Sorting by one number and carrying a small one takes half the time of all columns, a third of the space.
            yield from self._batches(
                f"""SELECT (visit.number << {RANK_BITS}) | rank AS place, row
                     FROM ranked JOIN (SELECT rowid AS number, segment, block FROM visit
                                        WHERE rowid BETWEEN {first} AND {last}) AS visit USING (segment, block)
                    ORDER BY place"""  # noqa: S608 - numbers of ours
            )

    def _portions(self) -> list[tuple[int, int]]:
        """Return the first and the last visit of each portion of the lines that is sorted at once."""
        with _reported(), closing(self._connection.cursor()) as cursor:
            return cursor.sql(
                f"""SELECT min(rowid), max(rowid)
                      FROM (SELECT rowid, (sum(lines) OVER (ORDER BY rowid) // {_SORTED_LINES})::BIGINT AS portion
                              FROM visit)
                     GROUP BY portion ORDER BY portion"""  # noqa: S608 - a number of ours
            ).fetchall()

    def _batches(self, query: str) -> Iterator[Any]:
        with _reported(), closing(self._connection.cursor()) as cursor:  # a cursor holds one result
            yield from cursor.sql(query).to_arrow_reader(_ROWS_AT_ONCE)


@contextmanager
def newest_lines(
    segments: Sequence[Waiting],
    resource_type: ResourceType,
    *,
    accounts: Accounts,
    scratch: Path,
    memory_bytes: int,
    threads: int,
) -> Iterator[NewestLines]:
    """Find the newest version of each record of these accounts; of two equally new, the later arrival wins.

    Lines of other accounts are ignored. Ranking them takes up to `memory_bytes`; inside the block, a quarter of that,
    or 64 MB if that is more.

    Raises Corrupt for segments that contradict one another or cannot be read, StorageUnavailable if the scratch folder
    fails or is full, Unusable if the memory does not suffice.
    """
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": threads,
        "async_threads": 0,  # for remote files; all that is read here is local
        "memory_limit": f"{memory_bytes}B",
        "temp_directory": str(scratch),
        "autoinstall_known_extensions": False,  # nothing is fetched from anywhere
        "autoload_known_extensions": False,
    }
    with closing(duckdb.connect(config=settings)) as connection:
        # Otherwise a query of more than two seconds draws a progress bar on standard output.
        connection.execute("SET enable_progress_bar = false")
        with _reported():
            _open(connection, segments, accounts)
            _rank(connection, key_columns(resource_type), folder=scratch, at_once=_at_once(memory_bytes))
            # After ranking, lines are held in memory beside the remaining queries: both share what ranking had.
            share = max(memory_bytes // _KEPT_SHARES, _LEAST_BYTES)
            connection.execute(f"SET memory_limit = '{share}B'")
        yield NewestLines(connection)


def _open(connection: duckdb.DuckDBPyConnection, segments: Sequence[Waiting], accounts: Accounts) -> None:
    """Create the view `line`: the key columns of all segments, each line with the version by which it is compared.

    Versions are unique: no two lines have the same arrival.
    """
    connection.execute("SET VARIABLE paths = ?::VARCHAR[]", [[_exactly(segment.path) for segment in segments]])
    connection.execute("SET VARIABLE ids = ?::BIGINT[]", [[segment.id for segment in segments]])
    conditions = ["true"]  # bounds that exclude nothing cost some percent of the ranking time
    for name, comparison, account in (("first", ">=", accounts.first), ("last", "<=", accounts.last)):
        if account is not None:
            connection.execute(f"SET VARIABLE {name} = ?::UUID", [UUID(account[2:])])
            conditions.append(f"account {comparison} getvariable('{name}')")
    if accounts.without:
        connection.execute("SET VARIABLE without = ?::UUID[]", [[UUID(sid[2:]) for sid in sorted(accounts.without)]])
        conditions.append("account NOT IN (SELECT unnest(getvariable('without')))")
    if any(segment.blocks is not None for segment in segments):
        conditions.append(_counting(connection, segments))
    connection.execute(
        f"""CREATE VIEW line AS
            SELECT * EXCLUDE (updated, arrival),
                   file_index::INTEGER AS segment, file_row_number::INTEGER AS row,
                   ((updated + {_YEAR_ONE})::HUGEINT << 64) + CASE
                       WHEN arrival >= {MAX_LINES} THEN arrival
                       ELSE getvariable('ids')[file_index::BIGINT + 1] * {MAX_LINES} + arrival
                   END AS version
              FROM read_parquet(getvariable('paths'), hive_partitioning = false)
             WHERE {" AND ".join(conditions)}"""  # noqa: S608 - constants of ours
    )


def _counting(connection: duckdb.DuckDBPyConnection, segments: Sequence[Waiting]) -> str:
    """Return a condition that excludes the other blocks of segments that are read in part."""
    partial = [(number, segment.blocks) for number, segment in enumerate(segments) if segment.blocks is not None]
    places = [(number << _BLOCK_BITS) + block for number, counting in partial for block in counting]
    connection.execute("SET VARIABLE partial = ?::BIGINT[]", [[number for number, _ in partial]])
    connection.execute("SET VARIABLE counting = ?::BIGINT[]", [places])
    return f"""(file_index::BIGINT NOT IN (SELECT unnest(getvariable('partial')))
                OR (file_index::BIGINT << {_BLOCK_BITS}) + block IN (SELECT unnest(getvariable('counting'))))"""


def _rank(connection: duckdb.DuckDBPyConnection, keys: Sequence[str], *, folder: Path, at_once: int) -> None:
    """Create the view `ranked` (the newest lines, in files) and the table `visit` (their blocks, by lowest rank).

    The ranked lines are in files, because a table keeps one or two bytes of every line in memory, come what may: of 40
    million, more than DuckDB may have afterwards. To write and read them takes as long as the table, and less space.
    """
    paths, first_ranks, records = [], [], 0
    for number, lines in enumerate(_by_accounts(connection, at_once)):
        paths.append(folder / f"ranked-{number}.parquet")
        first_ranks.append(records)
        records += _rank_some(connection, lines, keys, path=paths[-1])
    rank = "file_row_number" if len(paths) == 1 else f"file_row_number + {first_ranks}[file_index::BIGINT + 1]"
    listed = ", ".join(_literal(_exactly(path)) for path in paths)
    connection.execute(
        f"CREATE VIEW ranked AS SELECT *, {rank} AS rank FROM read_parquet([{listed}])"  # noqa: S608 - paths of ours
    )
    if records != _count(connection, "ranked"):
        raise Corrupt("two of the segments hold the same lines: one of them was made from the other by compaction")
    connection.execute(
        """CREATE TABLE visit AS
            SELECT segment, block, min(rank) AS lowest, count(*) AS lines
              FROM ranked GROUP BY segment, block ORDER BY lowest"""
    )


def _at_once(memory_bytes: int) -> int:
    """Return how many lines can be ranked at once; what sorting needs grows with the root of their number.

    40 million were ranked with 280 MB and not with 140, which did for 10 million and not for 15.
    """
    return memory_bytes**2 // 2_500_000_000


def _by_accounts(connection: duckdb.DuckDBPyConnection, at_once: int) -> list[str]:
    """Return the lines in portions by accounts, in their order, which have about so many each: as parts of a query."""
    if _count(connection, "line") <= at_once:
        return ["line"]
    bounds = connection.sql(
        f"""SELECT min(account)::VARCHAR, max(account)::VARCHAR
              FROM (SELECT account, (sum(count(*)) OVER (ORDER BY account) // {at_once})::BIGINT AS portion
                      FROM line GROUP BY account)
             GROUP BY portion ORDER BY portion"""  # noqa: S608 - a number of ours
    ).fetchall()
    return [f"(FROM line WHERE account BETWEEN '{first}'::UUID AND '{last}'::UUID)" for first, last in bounds]


def _rank_some(connection: duckdb.DuckDBPyConnection, lines: str, keys: Sequence[str], *, path: Path) -> int:
    """Write the newest of some lines to a file, in the order of their ranks; return the number of records.

    The GROUP BY carries one number per record, and the other columns of the newest lines are joined to it: that spills
    least. Carrying places and lengths through it takes twice the time, and four times under a tight memory limit.
    Where each record has one version, which the footers of the segments tell, every line is a newest one.
    """
    key = ", ".join(keys)
    connection.execute(
        f"""CREATE TABLE newest AS
            SELECT max(version) AS version FROM {lines} GROUP BY account, {key}"""  # noqa: S608 - names of columns
    )
    records = _count(connection, "newest")
    newest = lines if records == _count(connection, lines) else f"{lines} AS line SEMI JOIN newest USING (version)"
    connection.execute(
        f"""COPY (SELECT account, created, length, segment, block, row FROM {newest} ORDER BY account, created, {key})
              TO {_literal(str(path))} (FORMAT parquet)"""  # noqa: S608 - names of columns
    )
    connection.execute("DROP TABLE newest")
    return records


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    [(count,)] = connection.sql(f"SELECT count(*) FROM {table}").fetchall()  # noqa: S608 - a name of ours
    return int(count)


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except duckdb.IOException as error:
        raise StorageUnavailable(f"sealing cannot use its scratch folder: {error}") from error
    except duckdb.OutOfMemoryException as error:
        raise Unusable(
            "sealing needs more memory, or more room in its scratch folder: "
            f"raise DAYFILE_SEAL_MEMORY_MB, or free space there ({_first_line(error)})"
        ) from error
    except duckdb.InvalidInputException as error:
        raise Corrupt(f"a segment is damaged: {error}") from error


def _first_line(error: Exception) -> str:
    """Return DuckDB's error without the advice below it, which is about settings that operators do not have."""
    return str(error).partition("\n")[0]


def _literal(text: str) -> str:
    """Return a text as it stands in SQL, where no parameter may: views do not see the variables of others."""
    return "'" + text.replace("'", "''") + "'"


def _exactly(path: Path) -> str:
    """Escape a path for DuckDB, which reads every path as a glob pattern."""
    return _GLOB.sub(r"[\1]", str(path))
