"""Sealed days that were looked up a moment ago: for so long, and so many."""

from __future__ import annotations

from dataclasses import replace

from dayfile.api.remembered_files import REMEMBERED_FOR_SECONDS, RememberedFiles
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.export import SealedDay
from dayfile.model.resource import MESSAGES
from tests.support.clock import NOON
from tests.support.state import a_sid

ONE = SealedDay(
    id=1,
    account=AccountSid(a_sid("AC", "acme")),
    resource_type=MESSAGES,
    day=Day.parse("2026-10-01"),
    revision=1,
    key="sealed/1",
    records=1,
    size_bytes=100,
    plain_bytes=400,
    sha256="a" * 64,
    plain_sha256="b" * 64,
    encoder="test",
    first_created_at=NOON,
    last_created_at=NOON,
    sealed_at=NOON,
)


def test_a_sealed_day_is_kept_for_a_moment_from_when_it_was_looked_up() -> None:
    """Longer, and a file that was forgotten would be given for longer."""
    files = RememberedFiles()
    files.keep(ONE, looked_up_at=100.0)
    assert files.find(ONE.id, now=100.0 + REMEMBERED_FOR_SECONDS / 2) is ONE
    assert files.find(ONE.id, now=100.0 + REMEMBERED_FOR_SECONDS) is None
    assert files.find(2, now=100.0) is None


def test_what_was_looked_up_again_is_what_counts() -> None:
    """Its pack may have been rewritten."""
    files, moved = RememberedFiles(), replace(ONE, revision=2)
    files.keep(ONE, looked_up_at=100.0)
    files.keep(moved, looked_up_at=101.0)
    assert (files.find(ONE.id, now=102.0), len(files)) == (moved, 1)


def test_the_oldest_go_first() -> None:
    """Memory has a limit; who was given a link last is likeliest to follow it."""
    files = RememberedFiles(most=2)
    for number in (1, 2, 1, 3):
        files.keep(replace(ONE, id=number), looked_up_at=100.0)
    assert [files.find(number, now=101.0) is not None for number in (1, 2, 3)] == [True, False, True]
