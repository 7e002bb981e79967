"""Spellings of a record: the ways in which senders write the same members."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any, Final

Members = dict[str, Any]
Spell = Callable[[Members, random.Random], bytes]


def _json(members: Members, **options: Any) -> bytes:
    return json.dumps(members, **({"ensure_ascii": False} | options)).encode()


def _fine(members: Members) -> Members:
    """The members with fractions of seconds and an offset in their times."""
    return {
        name: f"{value[:-1]}.125+00:00" if isinstance(value, str) and value[10:11] == "T" else value
        for name, value in members.items()
    }


def _numbered(members: Members) -> Members:
    """The members with amounts that are numbers."""
    amounts = {name: float(members[name]) for name in ("price", "duration", "queue_time") if members.get(name)}
    return members | amounts


SPELLINGS: Final[dict[str, Spell]] = {
    "final": lambda members, _: _json(members, separators=(",", ":")),
    "with spaces": lambda members, _: _json(members),
    "in any order": lambda members, rng: _json(dict(rng.sample(list(members.items()), len(members)))),
    "without nulls": lambda members, _: _json({name: one for name, one in members.items() if one is not None}),
    "escaped": lambda members, _: _json(members | {"status": "\u00fc\U0001f600"}, ensure_ascii=True),
    "amounts as numbers": lambda members, _: _json(_numbered(members)),
    "fine times": lambda members, _: _json(_fine(members)),
    "an unknown field": lambda members, _: _json(members | {"flags": 17}),
    "three unknown fields": lambda members, _: _json(members | {"flags": 17, "tag": "x", "more": {"a": [1]}}),
    "carriage returns": lambda members, _: _json(members) + b"\r",
}
"""Spellings of a record in the form of an export; the REST form has other members, too."""
