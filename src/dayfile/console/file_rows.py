"""Rows of the list of files, written as HTML here for the same reason as the days of a calendar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Final

from markupsafe import Markup

from dayfile.console.account_days import days_path
from dayfile.console.words import time_html
from dayfile.exports.account_days import AccountDay
from dayfile.model.day import Day
from dayfile.model.day_state import DayState
from dayfile.model.empty import EMPTY_SHA256
from dayfile.model.export import FileDetails, Revision
from dayfile.model.quantity import size_text
from dayfile.model.resource import ResourceType

_SHOWN_DIGITS: Final = 8  # of a hash


def file_rows(
    days: Iterable[AccountDay], details: Mapping[Day, FileDetails], resource_type: ResourceType, *, may_download: bool
) -> Markup:
    """Return the rows of days, in their order; those without a file are left out."""
    above = days_path(resource_type)
    rows = [
        _row(one, one.published, details[one.day], f"{above}/{one.day}", may_download=may_download)
        for one in days
        if one.published is not None
    ]
    return Markup("\n".join(rows))  # noqa: S704 - of numbers, dates, and a hash that is escaped


def _row(one: AccountDay, published: Revision, details: FileDetails, path: str, *, may_download: bool) -> str:
    date, start, number, choice, download = str(one.day), "<tr>", "&ndash;", "", ""
    if published.number:
        number = str(published.number)
    if one.state is DayState.NEWER and one.newest is not None:
        start = '<tr class="warn">'
        number += f" of {one.newest.number}" if published.number else ""
    if may_download:
        choice = f'<td><input type="checkbox" name="day" value="{date}" aria-label="Choose {date}"></td>'
        download = f'<a href="{path}/download" aria-label="Download {date}">Download</a>'
    return (
        f'{start}{choice}<th scope="row"><a href="{path}">{date}</a></th><td class="n">{published.records:,}</td>'
        f'<td class="n">{size_text(published.size_bytes)}</td><td class="n">{number}</td>'
        f"<td>{time_html(details.sealed_at)}</td><td>{_hash(details.sha256 or EMPTY_SHA256)}</td>"
        f"<td>{time_html(details.expires_at)}</td><td>{download}</td></tr>"
    )


def _hash(sha256: str) -> str:
    """Return the first digits of a hash, with a button that copies all of them."""
    whole, start = escape(sha256), f"{escape(sha256[:_SHOWN_DIGITS])}…"
    return (
        f'<span class="sid"><code>{start}</code><button type="button" class="copy" data-copy="{whole}" '
        f'aria-label="Copy the SHA-256 {start}" hidden>Copy</button></span>'
    )
