"""Spellings of records: contents that hypothesis draws, and every way in which a sender may write or damage them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from email.utils import format_datetime
from random import Random  # noqa: TID251 - of what hypothesis draws
from typing import Any

from hypothesis import strategies as st

from dayfile.model.day import FIRST_DAY
from dayfile.model.moment import moment_text
from dayfile.model.record import NEWEST_AHEAD
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
def contents(draw: st.DrawFn, resource_type: ResourceType) -> dict[str, Any]:
    """A record's content as its line has it: documented fields in their order, then unknown ones."""
    hexes = st.text("0123456789abcdef", min_size=32, max_size=32)
    fixed = {key.name: draw(st.sampled_from(key.prefixes)) + draw(hexes) for key in resource_type.key_fields}
    fixed |= {"account_sid": "AC" + draw(hexes)}
    fixed |= {"date_created": moment_text(draw(recent)), "date_updated": moment_text(draw(moments))}
    others = {field.name: draw(st.none() | BY_KIND[field.kind]) for field in resource_type.fields}
    taken = {*fixed, *others, *resource_type.dropped}
    unknown = draw(st.dictionaries(texts.filter(lambda name: name not in taken), values, max_size=3))
    return fixed | others | unknown


types_and_contents = st.sampled_from(RESOURCE_TYPES).flatmap(lambda one: st.tuples(st.just(one), contents(one)))
randoms = st.randoms(use_true_random=False)
seeds = st.integers(0, 2**32)  # for a test that throws so many dice that hypothesis had better not see each


def line_text(value: Any, *, space: str = "", ascii_only: bool = False) -> str:
    """The canonical text of a content, by the simplest means; with spaces and escapes, as Python writes it."""

    def text(value: Any) -> str:
        if isinstance(value, Number):
            return value
        if isinstance(value, dict):
            return "{" + f",{space}".join(f"{text(name)}:{space}{text(inner)}" for name, inner in value.items()) + "}"
        if isinstance(value, list):
            return "[" + f",{space}".join(map(text, value)) + "]"
        return json.dumps(value, ensure_ascii=ascii_only)

    return text(value)


def written(value: Any, rng: Random) -> str:
    """A value as some sender might write it."""

    def around(text: str) -> str:
        return rng.choice(SPACES) + text + rng.choice(SPACES)

    if isinstance(value, Number):
        return value
    if isinstance(value, dict):
        members = (f"{around(written(name, rng))}:{around(written(inner, rng))}" for name, inner in value.items())
        return "{" + (",".join(members) or rng.choice(SPACES)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(around(written(inner, rng)) for inner in value) + "]"
    if isinstance(value, str) and rng.random() < 0.2:
        units = value.encode("utf-16-be").hex()
        return '"' + "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)) + '"'
    return json.dumps(value, ensure_ascii=rng.random() < 0.5)


def otherwise(kind: Kind, value: Any, rng: Random) -> Any:
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


def documented(resource_type: ResourceType) -> dict[str, Kind]:
    """The kind of each documented field, in the order of the line."""
    kinds = {key.name: Kind.TEXT for key in resource_type.key_fields} | {"account_sid": Kind.TEXT}
    kinds |= {"date_created": Kind.MOMENT, "date_updated": Kind.MOMENT}
    return kinds | {field.name: field.kind for field in resource_type.fields}


def sent(resource_type: ResourceType, content: dict[str, Any], rng: Random) -> bytes:
    """A content as some sender might send it: in any form, any order, with or without what is null or dropped."""
    kinds = documented(resource_type)
    known, unknown = [], []
    for name, value in content.items():
        if name not in kinds:
            unknown.append((name, value))
        elif value is not None:
            known.append((name, otherwise(kinds[name], value, rng) if rng.random() < 0.5 else value))
        elif rng.random() < 0.5:
            known.append((name, None))
    known += [(name, {"x": [Number("1.0")]}) for name in resource_type.dropped if rng.random() < 0.3]
    rng.shuffle(known)
    places = sorted(rng.randrange(len(known) + 1) for _ in unknown)
    for before, (place, member) in enumerate(zip(places, unknown, strict=True)):
        known.insert(place + before, member)
    return written(dict(known), rng).encode()


def damaged(line: bytes, rng: Random) -> bytes:
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
