"""A bucket gives its lines in their order, and never fewer than it should."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dayfile.errors import Corrupt
from dayfile.sealing.ordered_lines import LINES, Bucket

START, STOP = 100, 108


def add(bucket: Bucket, *ranks: int) -> None:
    """Some of its lines, each of which says its rank."""
    lines = pa.record_batch([list(ranks), [b"%d\n" % rank for rank in ranks]], schema=LINES)
    bucket.add(lines, size_bytes=lines.nbytes)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(ranks=st.permutations(range(START, STOP)), spills=st.sets(st.integers(0, STOP - START)))
def test_lines_are_poured_by_rank_however_they_came(tmp_path: Path, ranks: list[int], spills: set[int]) -> None:
    """Blocks are read when their time comes, and what does not fit waits in files: the day file is the same."""
    bucket = Bucket(START, STOP, path=tmp_path / "bucket")
    for number, rank in enumerate(ranks):
        add(bucket, rank)
        if number in spills:
            bucket.spill()
    assert bytes(bucket.pour()) == b"".join(b"%d\n" % rank for rank in range(START, STOP))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "ranks",
    [range(START, STOP - 1), [*range(START, STOP - 1), START], [*range(START, STOP - 1), STOP], range(START - 1, STOP)],
    ids=["one is missing", "one came twice", "one is of the next", "one is of the one before"],
)
def test_lines_that_are_not_its_own_are_an_error(tmp_path: Path, ranks: list[int]) -> None:
    """A segment that changed under our hands must not become a day file that lacks a record."""
    bucket = Bucket(START, STOP, path=tmp_path / "bucket")
    add(bucket, *ranks)
    with pytest.raises(Corrupt, match="changed while it was being sealed"):
        bucket.pour()
