"""Peers of the sealing: the usual tools, given the work that Dayfile does half done.

Each begins with a clean table of the newest records and writes one file of gzip JSON lines: no older versions to drop,
no order, no file for each account, no hashes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import duckdb
import polars as pl

THREADS: Final = 2


def prepare(table: Path) -> None:
    """Give every peer the table in the form that suits it best: its own, or Parquet."""
    with duckdb.connect(table, read_only=True) as connection:
        connection.execute(f"COPY message TO '{_parquet(table)}' (FORMAT parquet)")


def duckdb_copy(table: Path, target: Path) -> None:
    """DuckDB's COPY of its own table."""
    with duckdb.connect(table, read_only=True, config={"threads": THREADS}) as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute(f"COPY (SELECT * FROM message) TO '{target}' (FORMAT json, COMPRESSION gzip)")  # noqa: S608


def polars_sink(table: Path, target: Path) -> None:
    """Polars' streaming engine, reading Parquet."""
    pl.scan_parquet(_parquet(table)).sink_ndjson(target, compression="gzip", check_extension=False)


def polars_sink_fast(table: Path, target: Path) -> None:
    """The same at gzip's fastest level."""
    pl.scan_parquet(_parquet(table)).sink_ndjson(target, compression="gzip", compression_level=1, check_extension=False)


PEERS: Final[dict[str, Callable[[Path, Path], None]]] = {
    "DuckDB COPY, clean table": duckdb_copy,
    "Polars sink, clean table": polars_sink,
    "Polars sink, clean table, level 1": polars_sink_fast,
}


def _parquet(table: Path) -> Path:
    return table.with_suffix(".parquet")
