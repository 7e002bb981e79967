"""Near lines: records of every spelling with small damages, of which some are records all the same."""

from __future__ import annotations

from random import Random  # noqa: TID251 - of what hypothesis draws
from typing import Any

from dayfile.model.resource import ResourceType
from tests.support.spellings import documented, line_text, otherwise, sent

_BYTES = b'"\\/{}[]:,.+-eEuTZz 0123459aAfF\x00\x1f\x7f\x80\xbf\xc0\xc3\xe0\xed\xf4\xff\t\n\r'
_PIECES = [
    *(b'"', b'""', b"\\", b"\\\\", b'\\"', b"\\/", b"\\u", b"\\u0022", b"\\u005c", b"\\u0000", b"\\u002B", b"\\u00e9"),
    *(b"\\ud83d\\ude00", b"\\ud83d", b"\\ude00", b"\\ud83d\\u0041", b"\\udbff\\udfff", b"\\uD800\\uDC00", b"\\u12"),
    *(
        b"\xc3\xa9",
        b"\xe2\x82\xac",
        b"\xf0\x9f\x98\x80",
        b"\xed\xa0\x80",
        b"\xc0\x80",
        b"\xf4\x90\x80\x80",
        b"\xe2\x82",
    ),
    *(b"null", b"true", b'"true"', b"NaN", b"-", b"-0", b"01", b"1e5", b"1E-7", b"0.10", b"9" * 19, b'"1"', b"1."),
    *(b"[" * 9, b"]" * 9, b'[[[[[[[["x"]]]]]]]]', b"{}", b"[]", b'{"a":{"a":1},"b":[1,{"a":2}]}', b'{"a":1,"a":2}'),
    *(b'"x":1,', b'"sid":null,', b'"uri":"/x",', b'"y":{"b":1} ,', b"\xef\xbb\xbf", b" ", b"\r\n", b"\x0b"),
    *(
        b"+00:00",
        b"-23:59",
        b"+2400",
        b" GMT",
        b" UT",
        b".5Z",
        b"." + b"1" * 13,
        b"0000",
        b"9999-12-31",
        b"02-29",
        b"Sun",
    ),
]


def near_line(resource_type: ResourceType, content: dict[str, Any], rng: Random) -> bytes:
    """Return a record as some sender might send it, with up to four damages."""
    line = sent(resource_type, content, rng) if rng.random() < 0.1 else _usual(resource_type, content, rng)
    for _ in range(rng.choice([0, 0, 1, 1, 1, 2, 4])):
        at = rng.randrange(len(line) + 1)
        to = at + rng.choice([0, 0, 1, 1, 2, 6, rng.randrange(40)])
        within = line[at:to]
        put = rng.choice([b"", bytes([rng.choice(_BYTES)]), rng.choice(_PIECES), within * 2, within.swapcase()])
        line = line[:at] + put + line[to:]
    return line if rng.random() < 0.9 else line[: rng.randrange(len(line) + 1)]


def _usual(resource_type: ResourceType, content: dict[str, Any], rng: Random) -> bytes:
    """Return a record as most programs write it, with some values in another form, and with dropped fields."""
    kinds = documented(resource_type)
    members = [
        (
            name,
            otherwise(kinds[name], value, rng) if name in kinds and value is not None and rng.random() < 0.2 else value,
        )
        for name, value in content.items()
    ]
    members += [
        (name, rng.choice([None, "/x", {"a": ["/x", {}]}])) for name in resource_type.dropped if rng.random() < 0.3
    ]
    if rng.random() < 0.5:
        rng.shuffle(members)
    return line_text(dict(members), space=rng.choice(["", " "]), ascii_only=rng.random() < 0.5).encode()
