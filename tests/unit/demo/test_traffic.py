from __future__ import annotations

import hashlib
from collections import Counter
from datetime import UTC, datetime

import pytest

from dayfile.demo.expectation import Expectation
from dayfile.demo.traffic import Traffic, Version
from dayfile.model.account import AccountSid
from dayfile.model.day import Day, DayRange
from dayfile.model.record import RecordReader
from dayfile.model.resource import MESSAGES, RESOURCE_TYPES

ACCOUNTS = [AccountSid("AC" + digit * 32) for digit in "123"]
DAYS = DayRange(first=Day.parse("2026-11-01"), last=Day.parse("2026-11-10"))
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def traffic(seed: str = "test", records: int = 400) -> Traffic:
    """A little of it."""
    return Traffic(seed=seed, accounts=ACCOUNTS, days=DAYS, records=records)


@pytest.fixture(scope="module")
def versions() -> list[Version]:
    """All versions, in the order in which they are sent."""
    return [*traffic().on_time(), *traffic().late()]


def test_the_same_seed_gives_the_same_bytes(versions: list[Version]) -> None:
    """A demo that fails can be run again; and not only on this machine, so the digest stands here."""
    assert [*traffic().on_time(), *traffic().late()] == versions
    assert [*traffic("another").on_time()] != [*traffic().on_time()]
    digest = hashlib.sha256(b"".join(version.sent for version in versions)).hexdigest()
    assert digest[:16] == "86516fd307999dda"


def test_what_must_come_out_is_what_a_reader_makes_of_what_is_sent(versions: list[Version]) -> None:
    """Two encoders that know nothing of each other agree on every byte of every line."""
    readers = {kind: RecordReader(kind, now=NOW) for kind in RESOURCE_TYPES}
    for version in versions:
        record = readers[version.resource_type].parse(version.sent)
        assert (record.line, record.account, record.day) == (version.line, version.account, version.day)


def test_it_has_what_real_traffic_has(versions: list[Version]) -> None:
    """A demo without repetitions, ties, an empty day and other scripts proves little."""
    assert {version.resource_type for version in versions} == set(RESOURCE_TYPES)
    assert {version.account for version in versions} == set(ACCOUNTS)
    assert {version.day for version in versions} == set(DAYS) - {traffic().quiet_day}
    sent = Counter((version.resource_type, version.key, version.line) for version in versions)
    assert max(sent.values()) > 1
    times = Counter(
        (version.resource_type, version.key, version.updated_at) for version in {v.line: v for v in versions}.values()
    )
    assert max(times.values()) > 1
    text = b"".join(version.line for version in versions).decode()
    assert {"П", "ش", "न", "验", "さ", "👍"} <= set(text)


def test_late_records_change_the_files_of_one_day_and_no_other(versions: list[Version]) -> None:
    """All of them, so that each gets a new revision."""
    expectation = Expectation()
    for version in traffic().on_time():
        expectation.add(version)
    places = [(account, kind, day) for account in ACCOUNTS for kind in RESOURCE_TYPES for day in DAYS]
    before = {place: expectation.sha256(place) for place in places}
    for version in traffic().late():
        expectation.add(version)
    changed = {place for place in places if expectation.sha256(place) != before[place]}
    assert {day for _, _, day in changed} == {traffic().late_day}
    assert {kind for _, kind, _ in changed} >= {MESSAGES}


def test_of_equally_new_versions_the_one_sent_last_is_expected() -> None:
    """Prices come in the second of the status; the rule is the format's, stated here once more."""
    first, second = (
        Version(
            resource_type=MESSAGES, account=ACCOUNTS[0], day=DAYS.first, key="SM1", updated_at=NOW, sent=b"", line=line
        )
        for line in (b"first\n", b"second\n")
    )
    expectation = Expectation()
    for version in (second, first):
        expectation.add(version)
    assert list(expectation.lines((ACCOUNTS[0], MESSAGES, DAYS.first))) == [b"first\n"]
