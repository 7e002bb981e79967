"""Rows of the list of files: what a customer reads of each, and takes away by it."""

from __future__ import annotations

import html
import re

import pytest
from markupsafe import Markup

from dayfile.console.file_rows import file_rows
from dayfile.exports.account_days import AccountDay
from dayfile.model.day import Day
from dayfile.model.day_state import DayState
from dayfile.model.empty import EMPTY_SHA256
from dayfile.model.export import FileDetails, Revision
from dayfile.model.resource import MESSAGES
from tests.support.clock import NOON

DAY = Day.parse("2026-11-02")
DASH = "\N{EN DASH}"
SHA256 = "0123456789abcdef" * 4


def a_revision(number: int) -> Revision:
    """A revision of the day with 1,234 records; 0 is one without records."""
    records = 1234 if number else 0
    return Revision(id=number, seal_id=number, day=DAY, number=number, records=records, size_bytes=5678)


def rows(one: AccountDay, *, sha256: str | None = SHA256, may_download: bool = True) -> Markup:
    """The rows of a list with this day alone."""
    details = FileDetails(day=DAY, sealed_at=NOON if sha256 else None, sha256=sha256, expires_at=NOON)
    return file_rows([one], {DAY: details}, MESSAGES, may_download=may_download)


def cells(row: str) -> list[str]:
    """The texts of the cells of a row."""
    return [html.unescape(re.sub("<[^>]+>", "", cell)) for cell in re.findall(r"<t[hd].*?</t[hd]>", row)]


@pytest.mark.parametrize(
    ("state", "published", "newest", "number"),
    [
        (DayState.FILE, 1, 1, "1"),
        (DayState.NEWER, 1, 3, "1 of 3"),
        (DayState.EMPTY, 0, None, DASH),
        (DayState.NEWER, 0, 1, DASH),
    ],
)
def test_a_row_says_which_revision_it_is_of(state: DayState, published: int, newest: int | None, number: str) -> None:
    """A file that is not the newest one is marked, one of a day without records, too."""
    shown = None if newest is None else a_revision(newest)
    row = rows(AccountDay(day=DAY, state=state, published=a_revision(published), newest=shown))
    assert cells(row)[4] == number
    assert row.startswith('<tr class="warn">') is (state is DayState.NEWER)


def test_a_row_says_what_is_in_the_file_and_leads_to_it() -> None:
    """The whole hash is copied, of which the first digits are read; times are those of the file."""
    row = rows(AccountDay(day=DAY, state=DayState.FILE, published=a_revision(1), newest=None))
    at = f"{NOON:%Y-%m-%d %H:%M} UTC"
    assert cells(row) == ["", "2026-11-02", "1,234", "5.7 kB", "1", at, "01234567…Copy", at, "Download"]
    assert f'data-copy="{SHA256}"' in row
    assert re.findall('href="([^"]+)"', row) == [
        "/console/files/Messages/2026-11-02",
        "/console/files/Messages/2026-11-02/download",
    ]
    assert 'name="day" value="2026-11-02"' in row


def test_a_day_without_records_has_the_hash_of_the_file_of_nothing() -> None:
    """It was never sealed, and its file is the same for everybody."""
    empty = AccountDay(day=DAY, state=DayState.EMPTY, published=a_revision(0), newest=None)
    row = rows(empty, sha256=None)
    assert f'data-copy="{EMPTY_SHA256}"' in row
    assert cells(row)[5] == DASH


def test_who_may_not_download_is_offered_no_download() -> None:
    """There is nothing to choose, either."""
    row = rows(AccountDay(day=DAY, state=DayState.FILE, published=a_revision(1), newest=None), may_download=False)
    assert cells(row)[0] == "2026-11-02"
    assert cells(row)[-1] == ""
    assert "download" not in row.lower()


def test_a_hash_that_somebody_has_edited_is_text() -> None:
    """No value of the database becomes HTML, whoever has put it there."""
    row = rows(AccountDay(day=DAY, state=DayState.FILE, published=a_revision(1), newest=None), sha256='"><script>x')
    assert "<script>" not in row
    assert 'data-copy="&quot;&gt;&lt;script&gt;x"' in row
