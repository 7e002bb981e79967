"""Many lines are read together as each is by itself: the fast way may give up, but must not differ."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from email.utils import format_datetime
from random import Random  # noqa: TID251 - of what hypothesis draws
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.model.block_reader import FEW_LINES, BlockReader
from dayfile.model.record import RecordReader
from dayfile.model.resource import MESSAGES, RESOURCE_TYPES, Kind, ResourceType
from tests.support.outcomes import Counted, MakeReader, each_reader, outcome_of, outcomes_of
from tests.support.record_lines import a_record
from tests.support.spellings import (
    NOW,
    Number,
    damaged,
    documented,
    line_text,
    otherwise,
    seeds,
    sent,
    types_and_contents,
    written,
)

NEARLY: dict[Kind, list[Any]] = {
    Kind.MOMENT: [
        *("2024-02-29T10:00:00Z", "2023-02-29T10:00:00Z", "2026-10-01t10:00:00z", "2026-10-01T10:00:00+02:00"),
        *("2026-10-01 10:00:00Z", "2026-10-01T24:00:00Z", "2026-10-01T10:00:60Z", "2009-12-31T23:59:59Z"),
    ],
    Kind.TEXT: ["SM" + "a" * 32, "SM" + "A" * 32, "AC" + "0" * 31, "\\u0022", "\\/", "", True, {}],
    Kind.INTEGER: [2**63 - 1, 2**63, Number("-0"), Number("1.0"), Number("1e2"), True, "1"],
    Kind.AMOUNT: [1, Number("1.0"), "", "x", []],
    Kind.BOOLEAN: [None, "true", "no", 0],
}
Members = list[tuple[str, Any]]
DROPPED: list[Any] = [None, "/x", '"', "\\", {}, {"media": "/x"}, {"media": None}, 1, True, ["x"], Number("1.0")]


def _nearly(content: dict[str, Any], resource_type: ResourceType, rng: Random) -> Iterator[str]:
    """A line that is final, one in another order and form, and then much that can be wrong with one member of it."""
    kinds = documented(resource_type)
    members = list(content.items())
    for way in _WAYS:
        yield way(members, rng)
    rng.shuffle(members)
    spelled = [(name, _spelled(kinds[name], value, rng)) for name, value in members]
    dropped = [(name, rng.choice(DROPPED)) for name in resource_type.dropped]
    variants = [members, spelled, spelled + dropped]
    for at, (name, value) in enumerate(members):
        variants += [[*members, (name, value)], members[:at] + members[at + 1 :]]
        variants += [[*spelled, *dropped, spelled[at]], [*spelled, *dropped, rng.choice(dropped)]]
        for odd in NEARLY[kinds[name]]:
            variants += [[*members, (name, odd)], [*members[:at], (name, odd), *members[at + 1 :]]]
    for variant in rng.sample(variants, 100):
        yield rng.choice(_WAYS)(variant, rng)


def _compact(members: Members, _: Random) -> str:
    return "{" + ",".join(f"{line_text(name)}:{line_text(value)}" for name, value in members) + "}"


def _escaped(members: Members, rng: Random) -> str:
    """Escapes in place of backslashes."""
    return _compact(members, rng).replace("\\\\", "\\")


def _spaced(members: Members, rng: Random) -> str:
    return "{" + ", ".join(f"{written(name, rng)}: {written(value, rng)}" for name, value in members) + "}"


_WAYS: list[Callable[[Members, Random], str]] = [_compact, _escaped, _spaced]


def _spelled(kind: Kind, value: Any, rng: Random) -> Any:
    """A value as the REST API has it."""
    is_other = value is not None and kind in {Kind.INTEGER, Kind.MOMENT}
    return otherwise(kind, value, rng) if is_other else value


def _spaced_text(members: Members, *, ascii_only: bool = False) -> bytes:
    """Members as Python writes them, numbers with the digits that they have."""
    return line_text(dict(members), space=" ", ascii_only=ascii_only).encode()


def _rest(members: Members, resource_type: ResourceType) -> bytes:
    """Members as the REST API writes them."""
    kinds = documented(resource_type)
    dropped = {"uri": "/2010-04-01/x.json", "subresource_uris": {"media": "/x"}}
    spelled: Members = [(name, value) for name, value in dropped.items() if name in resource_type.dropped]
    for name, value in members:
        if value is not None and kinds.get(name) is Kind.INTEGER:
            spelled.append((name, str(value)))
        elif value is not None and kinds.get(name) is Kind.MOMENT:
            spelled.append((name, format_datetime(datetime.fromisoformat(value))))
        else:
            spelled.append((name, value))
    return _spaced_text(spelled)


def _fine(members: Members, resource_type: ResourceType, rng: Random) -> bytes:
    """Members with times that have fractions and offsets."""
    kinds = documented(resource_type)
    zone = rng.choice([".123Z", "+00:00", ".5-0000", "+01:30"])
    return _spaced_text(
        [
            (name, value[:-1] + zone if value is not None and kinds.get(name) is Kind.MOMENT else value)
            for name, value in members
        ]
    )


def _numbered(members: Members, resource_type: ResourceType) -> bytes:
    """Members with amounts that are numbers."""
    is_amount = {name for name, kind in documented(resource_type).items() if kind is Kind.AMOUNT}
    return _spaced_text(
        [(name, Number(value) if name in is_amount and value is not None else value) for name, value in members]
    )


def _mixed(members: Members, resource_type: ResourceType, rng: Random) -> bytes:
    """Members in any order, but for undocumented ones among themselves."""
    kinds = documented(resource_type)
    known = [member for member in members if member[0] in kinds]
    rng.shuffle(known)
    return _compact(known + [member for member in members if member[0] not in kinds], rng).encode()


Spelling = Callable[[Members, ResourceType, Random], bytes]
SPELLINGS: dict[str, Spelling] = {
    "final": lambda members, _, rng: _compact(members, rng).encode(),
    "spaces": lambda members, *_: _spaced_text(members),
    "ascii": lambda members, *_: _spaced_text(members, ascii_only=True),
    "any order": _mixed,
    "nulls left out": lambda members, *_: _spaced_text([one for one in members if one[1] is not None]),
    "REST": lambda members, resource_type, _: _rest(members, resource_type),
    "numbers": lambda members, resource_type, _: _numbered(members, resource_type),
    "fine times": _fine,
    "carriage returns": lambda members, *_: _spaced_text(members) + b" \r",
}
COUNT = 10 * FEW_LINES

each_type = pytest.mark.parametrize("resource_type", RESOURCE_TYPES, ids=str)
each_spelling = pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)

EXTRAS: list[Members] = [
    [],
    [("flags", Number("1.50"))],
    [("tags", {"a": [Number("1e2"), None, "\u00fc"], "b": {}}), ("flags", "x"), ("$t", True)],
    [("note", 'a "b" \\ \u00fc \x1f')],
]


_SAMPLES = {resource_type: a_record(resource_type) for resource_type in RESOURCE_TYPES}


def _content(resource_type: ResourceType, rng: Random) -> dict[str, Any]:
    """One of the records of a platform's log."""
    moment = f"2026-0{rng.randrange(1, 10)}-0{rng.randrange(1, 10)}T{rng.randrange(24):02}:{rng.randrange(60):02}:07Z"
    own: dict[str, Any] = {
        key.name: f"{rng.choice(key.prefixes)}{rng.getrandbits(128):032x}" for key in resource_type.key_fields
    }
    own |= {"account_sid": f"AC{rng.randrange(5):032x}", "date_created": moment, "date_updated": moment}
    content = _SAMPLES[resource_type] | own
    for field in resource_type.fields:
        if rng.random() < 0.2:
            content[field.name] = None
        elif field.kind is Kind.TEXT:
            content[field.name] = rng.choice(["", "a", '"q"', "\\", 'b\\"', "\u00fc \U0001f600", '","sid":"'])
        elif field.kind is Kind.AMOUNT:
            content[field.name] = rng.choice(["-0.00750", "0", "12", "1E-7"])
        elif field.kind is Kind.INTEGER:
            content[field.name] = rng.choice([0, 1, 7, -1])
    return content


@each_reader
@each_type
@each_spelling
@pytest.mark.parametrize("extras", EXTRAS, ids=len)
@pytest.mark.parametrize("keep_dropped", [False, True])
def test_lines_of_every_spelling_are_read_together(
    make: MakeReader, resource_type: ResourceType, spelling: Spelling, *, extras: Members, keep_dropped: bool
) -> None:
    """Intake is as fast as this holds; nothing else would show that it no longer does."""
    rng = Random(1)
    lines = [spelling([*_content(resource_type, rng).items(), *extras], resource_type, rng) for _ in range(COUNT)]
    one = RecordReader(resource_type, keep_dropped=keep_dropped, now=NOW)
    many, counted = Counted.within(make, resource_type, keep_dropped=keep_dropped, now=NOW)
    assert outcomes_of(many, lines) == [outcome_of(one, line) for line in lines]
    assert counted.count == (FEW_LINES if extras and make is BlockReader else 0)


@each_reader
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"T10:", b"T30:"),
        (b"T10:", b"T24:"),
        (b":00:07Z", b":60:07Z"),
        (b":07Z", b":60Z"),
        (b"-01T", b"-31T"),
        (b"2026-", b"2027-"),
        (b'"flags":"x"', b'"flags":"\xff"'),
        (b'"flags":"x"', b'"flags":{"a":1,"a":2}'),
        (b'"flags":"x"', b'"flags":01'),
        (b'"0.01"', b"0.01e"),
        (b'"0.01"', b'"+0.01"'),
        (b'"0.01"', b"true"),
        (b'"AC', b'"AD'),
        (b'"AC1', b'"ACA'),
        (b'"num_media":0', b'"num_media":"00"'),
    ],
)
def test_what_makes_a_line_bad_makes_it_bad_among_others(make: MakeReader, old: bytes, new: bytes) -> None:
    """A column is judged as a whole, and none of its values may hide behind the others."""
    content = a_record(MESSAGES, price="0.01", num_media=0, flags="x", date_created="2026-06-01T10:00:07Z")
    lines = [_compact(list(content.items()), Random(1)).encode()] * 30
    assert lines[0].count(old)
    bad = lines[0].replace(old, new, 1)
    outcomes = outcomes_of(make(MESSAGES, now=NOW), [*lines, bad, *lines])
    assert outcomes[30] == outcome_of(RecordReader(MESSAGES, now=NOW), bad)
    assert len(outcomes[30]) == len(("field", "reason", "type"))
    assert outcomes[30][0] is None or isinstance(outcomes[30][0], str)
    assert outcomes[:30] == outcomes[31:] == [outcome_of(RecordReader(MESSAGES, now=NOW), lines[0])] * 30


@each_reader
@pytest.mark.parametrize(
    ("old", "new", "is_record"),
    [
        (b'"SM', b'"XX', False),
        (b'"AC1', b'"ACA', False),
        (b'"2026-06-01T10:00:07Z"', b'"2026-06-31T10:00:07Z"', False),
        (b'"2026-06-01T10:00:07Z"', b'"2009-06-01T10:00:07Z"', False),
        (b'"2026-06-01T10:00:07Z"', b'"2036-06-01T10:00:07Z"', False),
        (b'"num_media":"0"', b'"num_media":"00"', False),
        (b'"price":0.01', b'"price":true', False),
        (b'"price":0.01', b'"price":"x"', False),
        (b'"price":0.01', b'"price":"\\u0031"', True),
        (b'"flags":"x"', b'"flags":[%b]' % b",".join([b"[]"] * 200), True),
    ],
)
def test_a_line_with_one_odd_value_does_not_spoil_those_around_it(
    make: MakeReader, old: bytes, new: bytes, *, is_record: bool
) -> None:
    """Only it is read by itself, so that a batch with a bad line in every block costs little more than a good one."""
    content = a_record(MESSAGES, price="0.01", num_media=0, flags="x", date_created="2026-06-01T10:00:07Z")
    text = _compact(list(content.items()), Random(1)).replace('"price":"0.01"', '"price":0.01')
    line = text.replace('"num_media":0', '"num_media":"0"').encode()
    bad = line.replace(old, new, 1)
    assert bad != line
    reader, counted = Counted.within(make, MESSAGES, now=NOW)
    outcomes_of(reader, [line] * COUNT)  # which fields there are is known from now on
    counted.count = 0
    lines = [bad if at in {0, 11, 12, COUNT - 1} else line for at in range(COUNT)]
    one = RecordReader(MESSAGES, now=NOW)
    outcomes = outcomes_of(reader, lines)
    assert outcomes == [outcome_of(one, each) for each in lines]
    assert isinstance(outcomes[0][0], bytes) is is_record
    assert counted.count <= lines.count(bad)


@each_reader
@given(given=types_and_contents, seed=seeds, spelling=st.sampled_from(list(SPELLINGS)), extras=st.sampled_from(EXTRAS))
def test_an_odd_line_among_others_is_read_as_by_itself(
    make: MakeReader, given: tuple[ResourceType, dict[str, Any]], seed: int, *, spelling: str, extras: Members
) -> None:
    """Speed must not decide what is accepted, how it is written, and why it is refused."""
    resource_type, content = given
    rng = Random(seed)
    keep_dropped = rng.random() < 0.5
    lines = [
        SPELLINGS[spelling]([*_content(resource_type, rng).items(), *extras], resource_type, rng)
        for _ in range(FEW_LINES * rng.randrange(2, 4))
    ]
    variants = [
        text.encode()
        for text in _nearly({name: content[name] for name in documented(resource_type)}, resource_type, rng)
    ]
    variants += [damaged(rng.choice(lines), rng) for _ in range(20)]
    variants += [line.replace(b"{", b"{" + rng.choice([b'"flags":1,', b'"$t":2,'])) for line in lines[:5]]
    variants += [line.replace(b'"flags"', rng.choice([b'"sid"', b'"note"', b'"\\u0066lags"'])) for line in lines[:3]]
    variants += [*map(_with_a_bad_clock(rng), lines[:8]), sent(resource_type, content, rng), b"", lines[0] * 2]
    reader = make(resource_type, keep_dropped=keep_dropped, now=NOW)
    one = RecordReader(resource_type, keep_dropped=keep_dropped, now=NOW)
    outcomes = [outcome_of(one, line) for line in lines]
    for variant in rng.sample(variants, 20):
        places = {rng.randrange(len(lines)) for _ in range(rng.randrange(1, 4))}
        expected = outcome_of(one, variant)
        some = [variant if at in places else line for at, line in enumerate(lines)]
        assert outcomes_of(reader, some) == [expected if at in places else one for at, one in enumerate(outcomes)]


def _with_a_bad_clock(rng: Random) -> Callable[[bytes], bytes]:
    """Return a change of one digit, letter or byte of a line's first time, to what time may not be."""

    def changed(line: bytes) -> bytes:
        at = line.index(b":07") - rng.randrange(14)
        return line[:at] + rng.choice([b"9", b"3", b"2", b"x", b"\xff", b" "]) + line[at + 1 :]

    return changed


@each_reader
@given(given=types_and_contents, seed=seeds)
def test_lines_that_only_make_objects_together_are_refused(
    make: MakeReader, given: tuple[ResourceType, dict[str, Any]], seed: int
) -> None:
    """A decoder reads on over the end of a line, and could make as many records of as many broken lines."""
    resource_type, _ = given
    rng = Random(seed)
    lines = [_compact(list(_content(resource_type, rng).items()), rng).encode() for _ in range(4 * FEW_LINES)]
    at = rng.randrange(len(lines) - 2)
    comma = rng.choice([place for place, byte in enumerate(lines[at]) if byte in b",}{"])
    whole = lines[at] + lines[at + 1]
    cut = rng.choice([comma, comma + 1, len(lines[at]) + comma])
    lines[at : at + 2] = rng.choice([[whole[:cut], whole[cut:]], [whole, b""], [whole, b" "]])
    if rng.random() < 0.5:
        lines[-1] = lines[0] + lines[0]
    for odd in rng.sample(range(len(lines)), rng.randrange(4)):
        lines[odd] = re.sub(rb'_?sid":"..', rb"\g<0>X", lines[odd], count=1)
    one = RecordReader(resource_type, now=NOW)
    assert outcomes_of(make(resource_type, now=NOW), lines) == [outcome_of(one, line) for line in lines]


@each_reader
@pytest.mark.parametrize(
    "tail",
    [
        b'"b":2,"a":1',
        b'"b":2,"a":{"b":3}',
        b'"b":{"a":1},"a":2',
        b'"b":[{"a":1}],"a":2',
        b'"a":1,"subresource_uris":{"b":"/x"},"b":2',
        b'"b":2,"a":1,"subresource_uris":{"b":"/x"}',
        b'"a" :1,"b":2',
        b'"b" :2,"a" :1',
        b'"a":"\\"b\\":","b":2',
        b'"b":2,"a":"\\"b\\":"',
        b'"b":2',
        b'"a":1,"a":1',
        b'"a":1,"b":2,"a":1',
    ],
)
def test_undocumented_fields_keep_the_order_that_they_have(make: MakeReader, tail: bytes) -> None:
    """Their places are looked for in the line, where a name may stand within a value."""
    known = _compact(list(a_record(MESSAGES).items()), Random(1)).encode()[:-1]
    usual, odd = known + b',"a":1,"b":{"c":2}}', known + b"," + tail + b"}"
    lines = [*[usual] * 40, odd, *[usual] * 20]
    for of_these in (lines, [*lines, *[odd] * 60]):
        one = RecordReader(MESSAGES, now=NOW)
        assert outcomes_of(make(MESSAGES, now=NOW), of_these) == [outcome_of(one, line) for line in of_these]


@each_reader
@pytest.mark.parametrize(
    ("usual", "odd"),
    [
        ("1 Oct 2026 10:00:00 +0000", "2026-10-01T10:00:00 +0000"),
        ("2026-10-01T10:00:00.5Z", "1 Oct 2026 10:00:00.5Z"),
        ("Thu, 01 Oct 2026 10:00:00 +0000", "Thu, 01 Oct 2026 10:00:00Z"),
        ("Thu, 01 Oct 2026 10:00:00 +0000", "2026-10-01T10:00:00 +0000"),
        ("Thu, 01 Oct 2026 10:00:00 +0000", "2026-10-01T10:00:00Z"),
        ("Thu, 01 Oct 2026 10:00:00 +0000", "Thu, 01 Oct 2026 25:00:00 +0000"),
        ("Thu, 01 Oct 2026 10:00:00 +0000", "Thu, 01 Oct 2026 +0000"),
        ("Thu, 01 Oct 2026 10:00:00 +0000", "Fri, 01 Oct 2026 10:00:00 +0000"),
        ("Thu, 01 Oct 2026 10:00:00 +0000", "Thu, 01 Oct 2026 10:00:00 +0000\\nThu, 01 Oct 2026 10:00:00 +0000"),
        ("Thu, 01 Oct 2026 10:00:00 +0000", "Thu, 01 Oct 2026 10:00:00 +0200"),
    ],
)
def test_a_time_of_another_form_among_others_is_read_as_by_itself(make: MakeReader, usual: str, odd: str) -> None:
    """Times of one form are respelled together."""
    content = a_record(MESSAGES)
    lines = [
        _spaced_text([*(content | {"date_created": moment, "date_updated": moment}).items()]).replace(b"\\\\n", b"\\n")
        for moment in [*[usual] * 30, odd, *[usual] * 20]
    ]
    one = RecordReader(MESSAGES, now=NOW)
    assert outcomes_of(make(MESSAGES, now=NOW), lines) == [outcome_of(one, line) for line in lines]


@each_reader
def test_a_refusal_keeps_nothing_but_its_words(make: MakeReader) -> None:
    """An error keeps its traceback: for many refused lines, that would be several times their own bytes."""
    lines = [b'{"sid": 1}', b"broken", b"\xff", b'{"sid": "CA%s"}' % (b"0" * 32)] * 20
    [part] = make(MESSAGES, now=NOW).read(lines)
    assert len(part.refused) == len(lines)
    kept = {(error.__traceback__, error.__cause__, error.__context__) for _, error in part.refused}
    assert kept == {(None, None, None)}
