"""Sizes, counts and durations in words, for people to read."""

from __future__ import annotations

from datetime import timedelta


def size_text(size_bytes: int) -> str:
    """Return a size in words: 398 B, 1.8 kB, 12 MB."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:  # noqa: PLR2004 - a size that rounds to 1000 gets the next unit
            return f"{size:.0f} {unit}" if unit == "B" or size >= 10 else f"{size:.1f} {unit}"  # noqa: PLR2004
        size /= 1000
    return f"{size:,.1f} TB"


def count_text(count: int, thing: str) -> str:
    """Return a count with its noun: 1 day, 2 days, 12,345 records."""
    return f"{count:,} {thing if count == 1 else thing + 's'}"


def duration_text(duration: timedelta) -> str:
    """Return a duration in words: 3 days 4 h, 2 h 5 min, 12 min, 40 s."""
    seconds = int(duration.total_seconds())
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days} {'day' if days == 1 else 'days'} {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{seconds} s"


def lifetime_text(duration: timedelta) -> str:
    """Return a time that was decided, in whole units: 12 hours, 24 hours, 7 days."""
    days, rest = divmod(duration, timedelta(days=1))
    if days > 1 and not rest:
        return count_text(days, "day")
    hours, rest = divmod(duration, timedelta(hours=1))
    return count_text(hours, "hour") if hours and not rest else duration_text(duration)
