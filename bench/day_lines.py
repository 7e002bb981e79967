"""Lines of a day of messages, as a platform sends them: the same ones for the same numbers, in any quantity.

    python bench/day_lines.py --day 2026-10-01 --records 1000000 --accounts 3000 >day.jsonl

They come in the order of their times, by a curve of 24 hours, for accounts of very uneven size (Zipf): the largest of
3,000 has a twelfth of everything. Two thirds of the texts are made from a few templates of their account, with codes,
names and times that differ; the others are sentences of common words, or the lines of a file (`--bodies`). Nothing is
kept, so memory does not grow with the day.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
from bisect import bisect
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO, Final

HOURS: Final = (2, 1, 1, 1, 1, 2, 4, 7, 10, 12, 12, 12, 11, 11, 12, 12, 11, 10, 9, 8, 7, 5, 4, 3)
"""The parts of a day's records that come in each hour (UTC)."""

_TEMPLATES: Final = (
    "Your {brand} verification code is {code}. It expires in 10 minutes. Do not share it with anyone.",
    "{code} is your {brand} code. Never share it. @{brand}.example #{code}",
    "Hi {name}, your appointment with {brand} is on {date} at {time}. Reply C to confirm or R to reschedule.",
    "{brand}: your order #{code} has shipped and will arrive {date}. Track it: https://{brand}.example/t/{token}",
    "Reminder from {brand}: payment of ${amount} is due on {date}. Pay now: https://{brand}.example/p/{token}",
    "Hola {name}, tu pedido {code} de {brand} está en camino y llega el {date} a las {time}.",
    "{name}, your {brand} ride arrives at {time}. Driver: {other}. Plate {token}. Share your code {code} with them.",
    "Bonjour {name}, votre colis {code} sera livré le {date} entre {time} et 18:00. STOP au 36111",
    "{brand} alert: a purchase of ${amount} on your card ending in {code} was approved. Not you? Reply NO.",
    "Hallo {name}, dein Termin am {date} um {time} steht. Mit STOP bestellst du das ab. {brand}",
    "FLASH SALE! {name}, 25% off everything at {brand} until {time}: https://{brand}.example/s/{token} STOP to end",
    "{brand}: {name}さん、認証コードは{code}です。10分以内に入力してください。",
    "Thanks {name}! Your {brand} reservation for {date} at {time} is confirmed (ref {token}).",
    "Class at {brand} on {date} is moved to {time}. Questions? Call {other} at the front desk.",
)
_NAMES_IN_USE: Final = (
    "Ada Björn Chen Dora Emeka Fatima Grace Hiro Igor Jack Kofi Lena Maria Noah Olga Priya Quinn Rosa Sam Tariq Uma"
)
_WORDS_IN_USE: Final = (
    "the to you I and a is it for on me that in of we be have are at this my can will just not your so do if with but "
    "was good what all get now up see out from today thanks when there like know got about time later how ok going "
    "tomorrow need here home one back work call they just been would she he morning tonight sorry still where love "
    "day meet week school pick dinner running late ten minutes bring kids dog store money left right house door keys "
    "office great sure really maybe perfect happy birthday party weekend game plane hotel doctor results send photo"
)
_NAMES, _WORDS = _NAMES_IN_USE.split(), _WORDS_IN_USE.split()
_FREE: Final = 3  # one text in so many is written by a person


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeDay:
    """A day of messages."""

    day: date
    records: int
    accounts: int
    bodies: Sequence[str] | None = None  # texts that people write


def account_sid(number: int) -> str:
    """Return the sid of an account; those with the lowest numbers have most records."""
    return f"AC{hashlib.md5(f'account {number}'.encode()).hexdigest()}"  # noqa: S324 - a name


def write_lines(day: LargeDay, target: BinaryIO, *, every: int | None = None) -> Counter[int]:
    """Write a day; return the number of records of each account. Say how far it is, to standard error, if asked."""
    counts: Counter[int] = Counter()
    some: list[str] = []
    for number, (account, line) in enumerate(lines_of(day), start=1):
        counts[account] += 1
        some.append(line)
        if len(some) == 2000 or number == day.records:
            target.write("".join(some).encode())
            some = []
        if every and number % every == 0:
            print(f"  {number:>13,} of {day.records:,} records are sent", file=sys.stderr, flush=True)
    target.flush()
    return counts


def lines_of(day: LargeDay) -> Iterator[tuple[int, str]]:
    """Yield each record as the number of its account and its line."""
    rng = random.Random(f"{day.day} {day.records} {day.accounts}")
    senders = [_Sender(number, day.bodies) for number in range(day.accounts)]
    sums = list(accumulate(1 / (1 + number) for number in range(day.accounts)))
    total = sums[-1]
    for second in _seconds(day.records):
        account = bisect(sums, rng.random() * total)
        yield account, _line(rng, senders[account], f"{day.day}T", second=second)


def _seconds(records: int) -> Iterator[int]:
    """Yield the second of the day of each record, in order."""
    ends = list(accumulate(HOURS))
    done = 0
    for hour, end in enumerate(ends):
        upto = records * end // ends[-1]
        for number in range(upto - done):
            yield hour * 3600 + number * 3590 // (upto - done)
        done = upto


def _line(rng: random.Random, sender: _Sender, day: str, *, second: int) -> str:
    created, luck, text = _moment(day, second), rng.random(), sender.text(rng)
    updated = _moment(day, second + int(luck * 10))
    status, error = ("delivered", "null") if luck < 0.95 else ("undelivered", "30003")
    return (
        f'{{"sid": "SM{rng.getrandbits(128):032x}", "account_sid": "{sender.sid}", "date_created": "{created}", '
        f'"date_updated": "{updated}", "date_sent": "{created}", "status": "{status}", "direction": "outbound-api", '
        f'"from": "{sender.number}{luck * 9:.0f}", "to": "+1555{rng.getrandbits(23):07d}", "body": {text}, '
        f'"num_segments": {1 + len(text) // 153}, "num_media": 0, "error_code": {error}, "price": "-0.00790", '
        '"messaging_service_sid": null}\n'
    )


def _moment(day: str, second: int) -> str:
    return f"{day}{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z"


class _Sender:
    """An account, with ten telephone numbers and a few templates."""

    def __init__(self, number: int, bodies: Sequence[str] | None) -> None:
        self.sid = account_sid(number)
        own = random.Random(self.sid)
        self.number = f"+1555{number:06d}"
        self._brand = "".join(own.choices("bcdfghklmnprstvz", k=2)) + own.choice(("ora", "ify", "eo", "ana", "ico"))
        self._templates = [json.dumps(one, ensure_ascii=False) for one in own.sample(_TEMPLATES, own.randrange(1, 5))]
        self._bodies = bodies

    def text(self, rng: random.Random) -> str:
        """Return the next text, as JSON."""
        if rng.randrange(_FREE):
            bits = rng.getrandbits(64)
            return rng.choice(self._templates).format(
                brand=self._brand,
                code=100000 + bits % 900000,
                name=_NAMES[bits % len(_NAMES)],
                other=_NAMES[(bits >> 8) % len(_NAMES)],
                date=f"{1 + bits % 28:02d}/{1 + (bits >> 5) % 12:02d}",
                time=f"{8 + bits % 12}:{bits % 4 * 15:02d}",
                amount=f"{bits % 400}.{bits % 100:02d}",
                token=f"{bits >> 40:06x}",
            )
        if self._bodies is not None:
            return json.dumps(rng.choice(self._bodies), ensure_ascii=False)
        return f'"{" ".join(rng.choices(_WORDS, k=rng.randrange(2, 25)))}"'


def main() -> None:
    """Write lines to standard output, and the counts of accounts into a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--day", type=date.fromisoformat, required=True)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--accounts", type=int, default=3000)
    parser.add_argument("--bodies", type=Path, help="a file of message texts, one a line")
    parser.add_argument("--every", type=int, help="say how far it is after so many records")
    parser.add_argument("--counts", type=Path, help="a file for the records of each account, as JSON")
    options = parser.parse_args()
    bodies = options.bodies.read_text(encoding="utf-8").splitlines() if options.bodies else None
    day = LargeDay(day=options.day, records=options.records, accounts=options.accounts, bodies=bodies)
    counts = write_lines(day, sys.stdout.buffer, every=options.every)
    if options.counts:
        options.counts.write_text(json.dumps({account_sid(number): count for number, count in counts.items()}))


if __name__ == "__main__":
    main()
