"""Processor time that one record takes at the door, by type and by the spelling in which it comes.

    python bench/records.py [--records 20000]

Lines are read together, as those of a batch are, by compiled code where the installation has it, and by Python; and
one by one, as those that are out of the ordinary. Beside it, in the same run, what the JSON library takes to read and
write final lines and to check nothing: no reader in Python can be faster. The lines differ in sids, accounts and
times, ten in a second and in this order, as a platform's log has them; "times of a day" has them all over the day.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path

from spellings import SPELLINGS, Members

from dayfile.errors import InvalidRecord
from dayfile.intake.body import read_lines
from dayfile.model.block_codec import block_codec
from dayfile.model.block_reader import BlockReader
from dayfile.model.line_codec import encode_lines
from dayfile.model.plain_reader import IS_COMPILED, PlainReader
from dayfile.model.record import RecordReader
from dayfile.model.resource import RESOURCE_TYPES, Kind, ResourceType

SAMPLES = Path(__file__).parents[1] / "tests" / "golden" / "records"
DAY = datetime(2026, 10, 1, tzinfo=UTC)
ROUNDS = 3
CHUNK_BYTES = 64 * 1024
BLOCK_LINES = 2000  # about a megabyte, as a body is cut
NOW = DAY + timedelta(days=1)


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


def _spellings(resource_type: ResourceType, *, count: int, rng: random.Random) -> dict[str, list[bytes]]:
    """The same records, as senders write them; those in REST form have further fields, which are dropped."""
    final = _contents(resource_type, "line", count=count, rng=rng)
    rest = _contents(resource_type, "rest", count=count, rng=rng)
    anyhow = _contents(resource_type, "rest", count=count, rng=rng, in_order=False)
    spelled = {name: [spell(one, rng) for one in final] for name, spell in SPELLINGS.items()}
    return spelled | {
        "REST": [json.dumps(one).encode() for one in rest],
        "REST, times of a day": [json.dumps(one).encode() for one in anyhow],
        "one bad line in 1,000": [b"{}" if at % 1000 == 500 else one for at, one in enumerate(spelled["with spaces"])],
        "bad lines only": [b'{"sid": "x"}'] * count,
    }


def _microseconds(work: Callable[[], object], count: int) -> float:
    """The processor time for one line, in the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best / count * 1e6


def _together(make: type[BlockReader | PlainReader], resource_type: ResourceType, lines: Sequence[bytes]) -> None:
    reader = make(resource_type, now=NOW)
    for start in range(0, len(lines), BLOCK_LINES):
        deque(reader.read(lines[start : start + BLOCK_LINES]), maxlen=0)


def _one_by_one(resource_type: ResourceType, lines: Sequence[bytes]) -> None:
    parse = RecordReader(resource_type, now=NOW).parse
    for line in lines:
        with suppress(InvalidRecord):
            parse(line)


def _cut(body: bytes) -> None:
    chunks = (body[start : start + CHUNK_BYTES] for start in range(0, len(body), CHUNK_BYTES))
    deque(read_lines(chunks, compression=None, max_bytes=None), maxlen=0)


def _print(name: str, *times: float) -> None:
    print(f"  {name:24}" + "".join(f"{one:12.2f}" for one in times), flush=True)


def _measure(resource_type: ResourceType, *, count: int, rng: random.Random) -> None:
    spellings = _spellings(resource_type, count=count, rng=rng)
    print(f"{resource_type.name:26}{'compiled':>12}{'Python':>12}{'one by one':>12}")
    for name, lines in spellings.items():
        _print(
            name,
            _microseconds(partial(_together, PlainReader, resource_type, lines), count)
            if IS_COMPILED
            else float("nan"),
            _microseconds(partial(_together, BlockReader, resource_type, lines), count),
            _microseconds(partial(_one_by_one, resource_type, lines), count),
        )
    decode = block_codec(resource_type, is_strict=True).decode
    block = b"\n".join(spellings["final"])
    _print("the JSON library, final", _microseconds(lambda: encode_lines(decode(block)), count))
    _print("cut into lines", _microseconds(partial(_cut, block), count))
    array = b"[" + b",\n".join(spellings["REST"]) + b"]"
    _print("cut out of an array", _microseconds(partial(_cut, array), count))


def main() -> None:
    """Measure and print a table, in microseconds for one record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=20_000, help="how many of each form")
    count = parser.parse_args().records
    rng = random.Random(2026)
    print("processor time of a record, in microseconds")
    for resource_type in RESOURCE_TYPES:
        _measure(resource_type, count=count, rng=rng)


if __name__ == "__main__":
    main()
