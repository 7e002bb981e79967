"""A record is its content: what holds for every way to write it down, and for every way to get it wrong."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from random import Random  # noqa: TID251 - of what hypothesis draws
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dayfile.errors import InvalidRecord
from dayfile.model.day import FIRST_DAY, Day
from dayfile.model.moment import moment_text
from dayfile.model.record import NEWEST_AHEAD, Record, RecordReader
from dayfile.model.resource import RESOURCE_TYPES, Kind, ResourceType

NOW = datetime(2026, 10, 2, 12, tzinfo=UTC)
SPACES = ["", "", " ", "\t", "\r\n  "]


class Number(str):
    """The digits of a number."""

    __slots__ = ()


NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?")
numbers = st.from_regex(NUMBER, fullmatch=True, alphabet=st.characters(codec="ascii")).map(Number)
integers = st.integers(-(2**63), 2**63 - 1)
moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
recent = st.datetimes(
    FIRST_DAY.start.replace(tzinfo=None), (NOW + NEWEST_AHEAD).replace(tzinfo=None), timezones=st.just(UTC)
)
texts = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(['"', "\\", '":', "\x00\x1f\x7f", "😀/"])
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
BY_KIND: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.TEXT: texts,
    Kind.INTEGER: integers,
    Kind.AMOUNT: numbers.map(str),
    Kind.BOOLEAN: st.booleans(),
    Kind.MOMENT: moments.map(moment_text),
}


@st.composite
def _contents(draw: st.DrawFn, resource_type: ResourceType) -> dict[str, Any]:
    """A record's content as its line has it: documented fields in their order, then unknown ones."""
    hexes = st.text("0123456789abcdef", min_size=32, max_size=32)
    fixed = {key.name: draw(st.sampled_from(key.prefixes)) + draw(hexes) for key in resource_type.key_fields}
    fixed |= {"account_sid": "AC" + draw(hexes)}
    fixed |= {"date_created": moment_text(draw(recent)), "date_updated": moment_text(draw(moments))}
    others = {field.name: draw(st.none() | BY_KIND[field.kind]) for field in resource_type.fields}
    taken = {*fixed, *others, *resource_type.dropped}
    unknown = draw(st.dictionaries(texts.filter(lambda name: name not in taken), values, max_size=3))
    return fixed | others | unknown


types_and_contents = st.sampled_from(RESOURCE_TYPES).flatmap(lambda one: st.tuples(st.just(one), _contents(one)))
randoms = st.randoms(use_true_random=False)
seeds = st.integers(0, 2**32)  # for a test that throws so many dice that hypothesis had better not see each


def _line(value: Any) -> str:
    """The canonical text of a content, by the simplest means."""
    if isinstance(value, Number):
        return value
    if isinstance(value, dict):
        return "{" + ",".join(f"{_line(name)}:{_line(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_line, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _written(value: Any, rng: Random) -> str:
    """A value as some sender might write it."""

    def around(text: str) -> str:
        return rng.choice(SPACES) + text + rng.choice(SPACES)

    if isinstance(value, Number):
        return value
    if isinstance(value, dict):
        members = (f"{around(_written(name, rng))}:{around(_written(inner, rng))}" for name, inner in value.items())
        return "{" + (",".join(members) or rng.choice(SPACES)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(around(_written(inner, rng)) for inner in value) + "]"
    if isinstance(value, str) and rng.random() < 0.2:
        units = value.encode("utf-16-be").hex()
        return '"' + "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)) + '"'
    return json.dumps(value, ensure_ascii=rng.random() < 0.5)


def _otherwise(kind: Kind, value: Any, rng: Random) -> Any:
    """The same value in the other form in which it may come."""
    if kind is Kind.INTEGER:
        return str(value)
    if kind is Kind.BOOLEAN:
        return str(value).lower()
    if kind is Kind.AMOUNT:
        return Number(value)
    if kind is Kind.MOMENT:
        moment = datetime.fromisoformat(value)
        iso = f"{value[:-1]}.{rng.randrange(1000):03}{rng.choice(['Z', '+00:00', '-0000'])}"
        return rng.choice([iso, format_datetime(moment, usegmt=rng.random() < 0.5)])
    return value


def _documented(resource_type: ResourceType) -> dict[str, Kind]:
    kinds = {key.name: Kind.TEXT for key in resource_type.key_fields} | {"account_sid": Kind.TEXT}
    kinds |= {"date_created": Kind.MOMENT, "date_updated": Kind.MOMENT}
    return kinds | {field.name: field.kind for field in resource_type.fields}


def _sent(resource_type: ResourceType, content: dict[str, Any], rng: Random) -> bytes:
    """A content as some sender might send it: in any form, any order, with or without what is null or dropped."""
    kinds = _documented(resource_type)
    known, unknown = [], []
    for name, value in content.items():
        if name not in kinds:
            unknown.append((name, value))
        elif value is not None:
            known.append((name, _otherwise(kinds[name], value, rng) if rng.random() < 0.5 else value))
        elif rng.random() < 0.5:
            known.append((name, None))
    known += [(name, {"x": [Number("1.0")]}) for name in resource_type.dropped if rng.random() < 0.3]
    rng.shuffle(known)
    places = sorted(rng.randrange(len(known) + 1) for _ in unknown)
    for before, (place, member) in enumerate(zip(places, unknown, strict=True)):
        known.insert(place + before, member)
    return _written(dict(known), rng).encode()


def _damaged(line: bytes, rng: Random) -> bytes:
    """A line with one thing changed: a byte, a stretch of it, or the name of a member."""
    at, to = sorted((rng.randrange(len(line) + 1), rng.randrange(len(line) + 1)))
    names = [b'"sid"', b'"uri"', b'"to"', b'"from"', b'"status"', b'"hold"', b'"muted"', b'"region"', b'"\\u0073id"']
    damages = [
        line[:at] + rng.choice([b'"', b"\\", b",", b"{", b"]", b"1", b"\x00", b"\xff", b"\\ud800"]) + line[at + 1 :],
        line[:at] + line[to:],
        line[:to] + line[at:],
        line[:at] + line[at:].swapcase(),
        line.replace(rng.choice(names), rng.choice(names)),
        line.replace(b'","', b'", "', 1),
        line.replace(b"{", b"{" + rng.choice(names) + b":null,", 1),
        line.replace(b"Z", rng.choice([b"z", b"+00:00", b""])),
        line.replace(b"T", b" "),
        line.replace(b"null", rng.choice([b"-0", b"1.0", b'""', b"true", b"NaN"])),
    ]
    return rng.choice(damages)


@given(types_and_contents, randoms)
def test_a_content_gives_one_line_however_it_is_sent(given: tuple[ResourceType, dict[str, Any]], rng: Random) -> None:
    """Two platforms that tell the same about a record must not make two versions of it, nor two hashes of a day."""
    resource_type, content = given
    record = RecordReader(resource_type, now=NOW).parse(_sent(resource_type, content, rng))
    assert record.line.decode() == _line(content) + "\n"
    assert record.account == content["account_sid"]
    assert record.day == Day.parse(content["date_created"][:10])


@given(types_and_contents)
def test_a_line_gives_itself(given: tuple[ResourceType, dict[str, Any]]) -> None:
    """What was exported can be taken in again and is the same record."""
    resource_type, content = given
    line = f"{_line(content)}\n".encode()
    for keep_dropped in (False, True):
        assert RecordReader(resource_type, keep_dropped=keep_dropped, now=NOW).parse(line).line == line


@given(types_and_contents)
def test_identity_and_version_are_cut_by_position(given: tuple[ResourceType, dict[str, Any]]) -> None:
    """Sealing finds the newest version of every record without parsing one."""
    resource_type, content = given
    line = RecordReader(resource_type, now=NOW).parse(_line(content).encode()).line.decode("latin-1")
    spans = [*resource_type.key_spans, resource_type.account_span, resource_type.created_span]
    spans.append(resource_type.updated_span)
    assert [line[start:stop] for start, stop in spans] == list(content.values())[: len(spans)]


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
    kinds = _documented(resource_type)
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
    return "{" + ",".join(f"{_line(name)}:{_line(value)}" for name, value in members) + "}"


def _escaped(members: Members, rng: Random) -> str:
    """Escapes in place of backslashes."""
    return _compact(members, rng).replace("\\\\", "\\")


def _spaced(members: Members, rng: Random) -> str:
    return "{" + ", ".join(f"{_written(name, rng)}: {_written(value, rng)}" for name, value in members) + "}"


_WAYS: list[Callable[[Members, Random], str]] = [_compact, _escaped, _spaced]


def _spelled(kind: Kind, value: Any, rng: Random) -> Any:
    """A value as the REST API has it."""
    is_other = value is not None and kind in {Kind.INTEGER, Kind.MOMENT}
    return _otherwise(kind, value, rng) if is_other else value


@given(types_and_contents, seeds)
def test_the_short_ways_say_what_the_long_way_says(given: tuple[ResourceType, dict[str, Any]], seed: int) -> None:
    """Speed must not decide what is accepted: where a typed decoder answers at all, the exact reader agrees."""
    resource_type, content = given
    rng = Random(seed)
    kinds = _documented(resource_type)
    reader = RecordReader(resource_type, keep_dropped=rng.random() < 0.5, now=NOW)
    answers = Counter[str]()
    # Unknown fields come last; without them the short ways are open.
    for text in _nearly({name: content[name] for name in kinds}, resource_type, rng):
        line = text.encode()
        head = reader._codec.match_head(line)
        recognised = reader._recognise(line, head) if head else None
        for way, record in (("recognise", recognised), ("respell", reader._respell(line))):
            if record is not None:
                assert reader._read(line) == record
                answers[way] += 1
    assert answers["recognise"]
    assert answers["respell"]


def _outcome(reader: RecordReader, line: bytes) -> Record | None:
    try:
        return reader.parse(line)
    except InvalidRecord as error:
        reason = str(error).encode()  # it can be stored and sent
    assert len(reason) < 500
    return None


@given(types_and_contents, randoms, st.integers(1, 3))
def test_a_damaged_line_is_refused_or_is_a_sound_record(
    given: tuple[ResourceType, dict[str, Any]], rng: Random, changes: int
) -> None:
    """Whatever arrives, intake goes on; and what it takes is canonical, so that it gives itself."""
    resource_type, content = given
    line = _sent(resource_type, content, rng)
    for _ in range(changes):
        line = _damaged(line, rng)
    reader = RecordReader(resource_type, keep_dropped=rng.random() < 0.5, now=NOW)
    record = _outcome(reader, line)
    if record is not None:
        assert reader.parse(record.line) == record
        assert len(json.loads(record.line)) > len(resource_type.fields)


@given(st.sampled_from(RESOURCE_TYPES), st.binary(max_size=60))
def test_no_bytes_bring_the_reader_down(resource_type: ResourceType, line: bytes) -> None:
    """One request's nonsense must not end the process that others use."""
    assert _outcome(RecordReader(resource_type, now=NOW), line) is None
