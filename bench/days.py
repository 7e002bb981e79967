"""Days of messages, made up: the same ones for the same numbers.

A record's lines differ in their version alone, as a platform's do while a message is on its way. They arrive
interleaved: every segment has lines of records from the whole day and of every version. Accounts are of very uneven
size (Zipf), or all of the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from dayfile.files import segments
from dayfile.model.account import AccountSid, pack_accounts
from dayfile.model.day import Day
from dayfile.model.resource import MESSAGES
from dayfile.model.segment import NewSegment, SegmentKind

_WORDS = (
    "your code is order has shipped and will arrive today between appointment reminder reply stop to opt out thanks "
    "for booking with us please confirm the meeting at delivery driver near call back café straße 日本"
)
_WORDS_IN_A_BODY = 14

_FIELDS = """
    'SM' || md5(record::VARCHAR) AS sid,
    'AC' || md5('account ' || account) AS account_sid,
    strftime(TIMESTAMP '2026-10-01' + to_seconds(second), '%Y-%m-%dT%H:%M:%SZ') AS date_created,
    strftime(TIMESTAMP '2026-10-01' + to_seconds(second + 3 * version), '%Y-%m-%dT%H:%M:%SZ') AS date_updated,
    CASE WHEN version > 0 THEN date_created END AS date_sent,
    CASE version WHEN 0 THEN 'queued' WHEN 1 THEN 'sent' ELSE 'delivered' END AS status,
    'outbound-api' AS direction,
    printf('+1%010d', account) AS "from",
    printf('+1%010d', chance % 9999999999) AS "to",
    {body} AS body,
    1 AS num_segments,
    0 AS num_media,
    NULL::INTEGER AS error_code,
    CASE WHEN version > 1 THEN '-0.0079' END AS price,
    'MG' || md5('service ' || account) AS messaging_service_sid
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeUpDay:
    """The size of a day that is made up."""

    records: int
    versions: int
    accounts: int
    is_uneven: bool
    lines_per_segment: int = 30_000

    @property
    def lines(self) -> int:
        """Of all versions."""
        return self.records * self.versions


def write_segments(day: MadeUpDay, folder: Path) -> list[Path]:
    """The day as intake would have left it."""
    paths = []
    for number, lines in enumerate(_batches(day)):
        paths.append(folder / f"{number:05}.parquet")
        paths[-1].write_bytes(segments.encode(b"".join(lines), MESSAGES))
    return paths


def write_clean_table(day: MadeUpDay, path: Path) -> None:
    """The last version of every record, as typed columns in a DuckDB database: what others begin with."""
    with _quiet(duckdb.connect(path)) as connection:
        newest = f"SELECT range AS record, {day.versions - 1} AS version FROM range({day.records})"  # noqa: S608
        connection.execute(f"CREATE TABLE message AS {_records(day, newest)}")


def _batches(day: MadeUpDay) -> Iterator[list[bytes]]:
    """Lines in order of arrival, shuffled by a step that has no divisor in common with their number."""
    step = next(step for step in range(int(day.lines * 0.618), day.lines * 2) if math.gcd(step, day.lines) == 1)
    with _quiet(duckdb.connect()) as connection:
        for start in range(0, day.lines, day.lines_per_segment):
            stop = min(start + day.lines_per_segment, day.lines)
            arriving = f"SELECT (range * {step}) % {day.lines} AS place FROM range({start}, {stop})"  # noqa: S608
            versions = f"SELECT place // {day.versions} AS record, place % {day.versions} AS version FROM ({arriving})"  # noqa: S608
            query = f"SELECT to_json(message)::VARCHAR FROM ({_records(day, versions)}) message"  # noqa: S608
            yield [f"{line}\n".encode() for (line,) in connection.execute(query).fetchall()]


def _quiet(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    connection.execute("SET enable_progress_bar = false")
    return connection


def _records(day: MadeUpDay, versions: str) -> str:
    """The query for records with their fields, for records and versions."""
    account = f"pow({day.accounts + 1}, share)" if day.is_uneven else f"1 + record % {day.accounts}"
    words = "[" + ", ".join(f"'{word}'" for word in _WORDS.split()) + "]"
    body = " || ' ' || ".join(
        f"word[(1 + (chance >> {4 * number}) % {len(_WORDS.split())})::INTEGER]" for number in range(_WORDS_IN_A_BODY)
    )
    return f"""
        WITH version AS ({versions}),
             drawn AS (SELECT *, hash(record) AS chance, hash(record + 7) / 18446744073709551616 AS share FROM version),
             placed AS (SELECT *, floor({account})::BIGINT AS account, (chance % 86000)::BIGINT AS second,
                               {words} AS word FROM drawn)
        SELECT {_FIELDS.format(body=body)} FROM placed"""  # noqa: S608 - numbers and words of ours


def new_segment(path: Path, day: Day) -> NewSegment:
    """Return the row of a segment that was written, as one of a day."""
    accounts = set(pq.read_table(path, columns=["account"])["account"].to_pylist())
    return NewSegment(
        resource_type=MESSAGES,
        day=day,
        kind=SegmentKind.FULL,
        key=f"segments/type={MESSAGES}/day={day}/{path.name}",
        inline=None,
        records=pq.read_metadata(path).num_rows,
        plain_bytes=0,
        stored_bytes=path.stat().st_size,
        accounts=pack_accounts([AccountSid(f"AC{account.hex}") for account in accounts]),
    )
