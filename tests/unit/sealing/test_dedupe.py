"""The newest lines of a day, found by DuckDB."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from dayfile.errors import Unusable
from dayfile.files import segments
from dayfile.model.record import RecordReader
from dayfile.model.resource import MESSAGES
from dayfile.sealing.dedupe import Accounts, Waiting, _reported, newest_lines
from tests.support.records import Sent
from tests.support.state import a_sid

ROOT = Path(__file__).parents[3]
IN_ANOTHER_PROCESS = """
import sys
from pathlib import Path
from tests.unit.sealing.test_dedupe import draws_progress
print(draws_progress(Path(sys.argv[1])))
"""


def draws_progress(scratch: Path) -> bool:
    """Return True if a query that takes long draws a bar."""
    moment = "2026-10-01T10:00:00Z"
    sent = Sent(account=a_sid("AC", "a"), name="m", created=moment, updated=moment)
    record = RecordReader(MESSAGES, now=datetime(2026, 10, 2, tzinfo=UTC)).parse(sent.line())
    path = scratch / "segment"
    path.write_bytes(segments.encode(record.line, MESSAGES))
    with newest_lines(
        [Waiting(id=1, path=path)],
        MESSAGES,
        accounts=Accounts(first=None, last=None),
        scratch=scratch,
        memory_bytes=100_000_000,
        threads=1,
    ) as newest:
        [(draws,)] = newest._connection.sql("SELECT current_setting('enable_progress_bar')").fetchall()
    return bool(draws)


def test_a_long_query_draws_nothing_on_the_output(tmp_path: Path) -> None:
    """A server's output is read by programs; after two seconds DuckDB would show there how far it is."""
    # Where it takes somebody to be typing: in a process without a main file, as the spawned ones of a pool are.
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS, str(tmp_path)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"


def test_too_little_memory_names_the_setting() -> None:
    """DuckDB's own advice is about settings of its own, which nobody who runs Dayfile can change."""
    with (
        duckdb.connect(config={"memory_limit": "20MB", "temp_directory": ""}) as connection,
        pytest.raises(Unusable, match="raise DAYFILE_SEAL_MEMORY_MB") as caught,
        _reported(),
    ):
        connection.execute("CREATE TABLE large AS SELECT range::VARCHAR || repeat('x', 99) FROM range(1000000)")
    assert "Possible solutions" not in str(caught.value)
