"""Compiled code reads strangers' bytes: none may make it differ from what a line means, or leave its memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random  # noqa: TID251 - of what hypothesis draws
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.model.plain_reader import PlainReader
from dayfile.model.record import MAX_LINE_BYTES, RecordReader
from dayfile.model.resource import CALLS, MESSAGES, ResourceType
from dayfile.model.text_lines import TextLines
from plain_lines.compiling import CannotCompile, compile_lines
from tests.conftest import ROOT
from tests.support.near_lines import near_line
from tests.support.outcomes import Counted, needs_compiled, outcome_of, outcomes_of
from tests.support.record_lines import a_record
from tests.support.spellings import NOW, line_text, seeds, types_and_contents

LINES = 60
CHECKED = tuple(f"tests/property/test_{name}.py" for name in ("plain_reader", "block_reader", "reading_text_lines"))

years = st.sampled_from(["0000", "0001", "1900", "2000", "2024", "2026", "9999", "20x6"])
twos = st.sampled_from(
    ["00", "01", "02", "04", "12", "13", "23", "24", "28", "29", "30", "31", "32", "59", "60", "1", ""]
)
iso_dates = st.tuples(years, twos, twos).map("-".join)
names = st.sampled_from(["Jan", "Feb", "Sep", "Dec", "dec", "Thu", ""])
weekdays = st.sampled_from(["", "Mon, ", "Tue, ", "Wed, ", "Thu, ", "Fri, ", "Sat, ", "Sun, ", "Thu ", "Xyz, "])
mail_dates = st.tuples(weekdays, twos, st.just(" "), names, st.just(" "), years).map("".join)
clocks = st.tuples(twos, twos, twos).map(":".join)
fractions = st.sampled_from(["", "", "", ".", ".5", ".123456789012", ".1234567890123"])
zones = st.sampled_from(
    [
        *("Z", "z", "+00:00", "-0000", "+00", "+02:00", "-0930", "+23:59", "-23:59", "+24:00", "+01:60", "+1", "+01:0"),
        *(" GMT", " UTC", " UT", " +0000", " +0130", " -2359", " +01:30", " +01", " gmt", " Z", "", " "),
    ]
)
moments = st.tuples(iso_dates | mail_dates, st.sampled_from(["T", "t", " ", "_"]), clocks, fractions, zones).map(
    "".join
)


@needs_compiled
@given(types_and_contents, seeds)
def test_damaged_lines_are_read_as_by_themselves(given: tuple[ResourceType, dict[str, Any]], seed: int) -> None:
    """Each damage meets other code, and what is declined costs only time."""
    resource_type, content = given
    rng = Random(seed)
    keep_dropped = rng.random() < 0.5
    lines = [near_line(resource_type, content, rng) for _ in range(LINES)]
    one = RecordReader(resource_type, keep_dropped=keep_dropped, now=NOW)
    many = PlainReader(resource_type, keep_dropped=keep_dropped, now=NOW)
    assert outcomes_of(many, lines) == [outcome_of(one, line) for line in lines]


@needs_compiled
@given(st.lists(moments, min_size=1, max_size=20))
def test_moments_mean_the_same_to_compiled_code(texts: list[str]) -> None:
    """A calendar was written anew for it."""
    lines = [line_text(a_record(CALLS, start_time=text)).encode() for text in texts]
    one = RecordReader(CALLS, now=NOW)
    assert outcomes_of(PlainReader(CALLS, now=NOW), lines) == [outcome_of(one, line) for line in lines]


@needs_compiled
@pytest.mark.parametrize("year", [1, 4, 1600, 1899, 1900, 2000, 2023, 2024, 2026, 9999])
def test_every_day_of_a_year_has_its_weekday_and_its_neighbours(year: int) -> None:
    """Zones move a moment over the ends of months and years."""
    texts = [f"{year:04}-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 32)]
    texts = [f"{text}T{clock}" for text in texts for clock in ("00:30:00+01:00", "23:30:00-01:00")]
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    texts += [
        f"{weekday}, {day} {month} {year:04} 10:00:00 UT"
        for month in months
        for day in range(1, 32)
        for weekday in ("Mon", "Thu", "Sun")
    ]
    lines = [line_text(a_record(CALLS, start_time=text)).encode() for text in texts]
    one = RecordReader(CALLS, now=NOW)
    assert outcomes_of(PlainReader(CALLS, now=NOW), lines) == [outcome_of(one, line) for line in lines]


@needs_compiled
@pytest.mark.parametrize("more", [-2, -1, 0, 1])
@pytest.mark.parametrize("escape", ["", "\\u0041", "\\u0000", "\u00fc"])
def test_the_longest_lines_are_read_as_by_themselves(more: int, escape: str) -> None:
    """A limit is where lengths are one too many."""
    line = line_text(a_record(MESSAGES, body="@")).encode()
    line = line.replace(b"@", escape.encode() + b"x" * (MAX_LINE_BYTES - len(line) + more))
    lines = [line, line[:-1], line + b"\r"]
    one = RecordReader(MESSAGES, now=NOW)
    assert outcomes_of(PlainReader(MESSAGES, now=NOW), lines) == [outcome_of(one, line) for line in lines]


@needs_compiled
def test_ordinary_lines_are_not_declined() -> None:
    """Nothing but the time that it takes would tell."""
    spelled: list[dict[str, Any]] = [
        {"start_time": "2026-10-01T12:00:00.5+02:00"},
        {"start_time": "Thu, 1 Oct 2026 12:00:00 +0200"},
        {"caller_name": '\u00fc\U0001f600\n\x01"\\/', "price": "-0.10"},
        {"uri": "/x", "subresource_uris": {"a": ["/x", {"b": None}]}, "x": 1, "y": [], "z": {"x": "\u00fc"}},
    ]
    texts = [line_text(a_record(CALLS, **members), ascii_only=True) for members in spelled]
    texts += [
        texts[0].replace("+", "\\u002B"),
        texts[2].replace("/", "\\/"),
        " " + texts[3].replace('":', '" :\t') + "\r",
    ]
    many, counted = Counted.within(PlainReader, CALLS, now=NOW)
    outcomes_of(many, [text.encode() for text in texts])
    assert counted.count == 0


@needs_compiled
def test_compiled_code_takes_lines_as_bytes_only() -> None:
    """A mistake of ours is an exception, too, and not a crash."""
    reader = PlainReader(MESSAGES, now=NOW)
    for wrong in (["x"], [None], [bytearray(b"{}")], 1, [b"{}"] * 70_000, TextLines(b"\n" * 70_000, range(1, 70_001))):
        with pytest.raises((TypeError, ValueError)):
            reader._add(wrong, None)  # type: ignore[arg-type]


@needs_compiled
@pytest.mark.parametrize(
    ("fields", "sids", "documented"),
    [
        ((), 0, 0),
        (((b"sid", 0, b"SM"), (b"created", 1, b""), (b"updated", 1, b"")), 1, 4),
        (((b"sid", 0, b"SM"), (b"created", 1, b""), (b"updated", 1, b"")), 2, 3),
        (((b"sid", 0, b"SM"), (b"created", 1, b""), (b"updated", 2, b"")), 1, 3),
        (((b"sid", 0, b"SM"), (b"created", 1, b""), (b"updated", 1, b""), (b"other", 0, b"AC")), 1, 4),
        (((b"", 0, b""),), 1, 1),
        (((b"x" * 45, 0, b""),), 1, 1),
        (((b"sid", 8, b""),), 1, 1),
        (((b"sid", 0, b"SMM"),), 1, 1),
        (((b"sid", 0, b"SM" * 5),), 1, 1),
        (((b"sid", 0, b"SM"),) * 49, 1, 1),
    ],
)
def test_a_table_that_does_not_fit_is_an_exception(
    fields: tuple[tuple[bytes, int, bytes], ...], sids: int, documented: int
) -> None:
    """Another resource type is an entry in a table of ours, whose author may overlook what it must be here."""
    moment = b"2026-10-01T10:00:00Z"
    with pytest.raises(ValueError, match=r"room|first"):
        pytest.importorskip("dayfile.model.plain_lines").table(fields, sids, documented, False, moment, moment)


@pytest.mark.slow
@needs_compiled
@pytest.mark.timeout(1800)
def test_compiled_code_stays_within_its_memory(tmp_path: Path) -> None:
    """The same tests with every access checked: an outcome may be right although a byte too many was read."""
    module = tmp_path / "plain_lines.abi3.so"
    try:
        compile_lines(module, "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-U_FORTIFY_SOURCE")
        command = [os.environ.get("CC", "cc"), "-print-file-name=libasan.so"]
        library = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (CannotCompile, OSError) as error:
        pytest.skip(f"no compiler that checks accesses: {error}")
    own = {
        "LD_PRELOAD": library,
        "ASAN_OPTIONS": "detect_leaks=0",  # the interpreter's own
        "PYTHONMALLOC": "malloc",  # so that the end of each object is known
        "DAYFILE_CHECKED_MODULE": str(module),
        "HYPOTHESIS_PROFILE": "quick",  # the outcomes of more cases are compared without checks, at a tenth of the time
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.support.checked_module", "-m", "not slow"]
    command += ["-p", "no:cacheprovider", "--capture=sys", "-k", "PlainReader or test_plain_reader", *CHECKED]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-10_000:]
    assert "skipped" not in done.stdout
