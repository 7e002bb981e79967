"""How much processor time one record takes at the door, by type and by the form it comes in.

    python bench/records.py [--records 20000]

Beside it, in the same run, what the JSON library takes to read and write a record that is final already and to check
nothing: no reader that is made of it can be faster. The lines differ in sids, accounts and times, ten in a second and
in this order, as a platform's log has them; "any order" is REST with times all over the day.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from dayfile.intake.body import read_lines
from dayfile.model.line_codec import codec_of, encode_lines
from dayfile.model.record import RecordReader
from dayfile.model.resource import RESOURCE_TYPES, Kind, ResourceType

SAMPLES = Path(__file__).parents[1] / "tests" / "golden" / "records"
DAY = datetime(2026, 10, 1, tzinfo=UTC)
ROUNDS = 3
CHUNK_BYTES = 64 * 1024

Members = dict[str, Any]


def _contents(
    resource_type: ResourceType, form: str, *, count: int, rng: random.Random, in_order: bool = True
) -> list[Members]:
    """So many records like the sample, each with its own sids and times."""
    sample = json.loads((SAMPLES / f"{resource_type.name.lower()}.{form}.json").read_bytes())
    moments = ["date_created", "date_updated"]
    moments += [field.name for field in resource_type.fields if field.kind is Kind.MOMENT]
    contents = []
    for number in range(count):
        second = number // 10 if in_order else rng.randrange(86_000)
        own = {key.name: f"{key.prefixes[0]}{rng.getrandbits(128):032x}" for key in resource_type.key_fields}
        own["account_sid"] = f"AC{rng.randrange(1000):032x}"
        for name in moments:
            moment = DAY + timedelta(seconds=second + rng.randrange(30))
            own[name] = format_datetime(moment) if form == "rest" else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
        contents.append(sample | own)
    return contents


def _compact(members: Members) -> bytes:
    return json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()


def _shuffled(members: Members, rng: random.Random) -> Members:
    return dict(rng.sample(list(members.items()), len(members)))


def _microseconds(do: Callable[[bytes], object], lines: Sequence[bytes]) -> float:
    """The processor time for one line, in the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for line in lines:
            do(line)
        best = min(best, time.process_time() - start)
    return best / len(lines) * 1e6


def _splitting(body: bytes, count: int) -> float:
    chunks = [body[start : start + CHUNK_BYTES] for start in range(0, len(body), CHUNK_BYTES)]
    start = time.process_time()
    for _ in read_lines(chunks, compression=None, max_bytes=None):
        pass
    return (time.process_time() - start) / count * 1e6


def _row(resource_type: ResourceType, *, count: int, rng: random.Random) -> list[float]:
    decode = codec_of(resource_type).decode
    parse = RecordReader(resource_type, now=DAY + timedelta(days=1)).parse
    final = _contents(resource_type, "line", count=count, rng=rng)
    canonical = [_compact(members) for members in final]
    shuffled = [_compact(_shuffled(members, rng)) for members in final]
    unknown = [_compact(members | {"flags": 17, "start": "2026-10-01"}) for members in final]
    rest = [json.dumps(members).encode() for members in _contents(resource_type, "rest", count=count, rng=rng)]
    anyhow = _contents(resource_type, "rest", count=count, rng=rng, in_order=False)
    return [
        len(canonical[0]),
        _microseconds(lambda line: encode_lines([decode(line)]), canonical),
        _microseconds(parse, canonical),
        _microseconds(parse, shuffled),
        _microseconds(parse, unknown),
        _microseconds(parse, rest),
        _microseconds(parse, [json.dumps(members).encode() for members in anyhow]),
        _splitting(b"\n".join(canonical), count),
        _splitting(b"[" + b",\n".join(rest) + b"]", count),
    ]


def main() -> None:
    """Measure and print a table, in microseconds for one record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=20_000, help="how many of each form")
    count = parser.parse_args().records
    rng = random.Random(2026)
    heads = ["bytes", "library", "final", "shuffled", "unknown", "REST", "any order", "cut rows", "cut array"]
    print(f"{'us per record':14}" + "".join(f"{head:>11}" for head in heads))
    for resource_type in RESOURCE_TYPES:
        size, *times = _row(resource_type, count=count, rng=rng)
        print(f"{resource_type.name:14}{size:11.0f}" + "".join(f"{one:11.2f}" for one in times), flush=True)


if __name__ == "__main__":
    main()
