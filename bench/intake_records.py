"""Made-up messages, as a platform sends them: in the form of an export, and in that of the REST API."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

_WORDS = "your code is order has shipped and will arrive today between appointment reminder reply stop to opt out"


def records(accounts: Sequence[str], *, lines: int, seed: int, texts: Sequence[str] | None = None) -> list[bytes]:
    """Lines of the last hours, newlines included; the same for the same seed on the same day. Texts are made up."""
    rng = random.Random(seed)
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(hours=20)
    words = _WORDS.split()

    def text() -> str:
        return rng.choice(texts) if texts else " ".join(rng.choices(words, k=rng.randrange(6, 24)))

    return [
        _line(rng, rng.choice(accounts), start + timedelta(seconds=rng.randrange(36000)), text) for _ in range(lines)
    ]


def as_rest(line: bytes) -> bytes:
    """The same record as the REST API spells it."""
    record = json.loads(line)
    path = f"/2010-04-01/Accounts/{record['account_sid']}/Messages/{record['sid']}"
    for name in ("date_created", "date_updated", "date_sent"):
        moment = datetime.fromisoformat(record[name])
        record[name] = moment.strftime("%a, %d %b %Y %H:%M:%S +0000")
    for name in ("num_segments", "num_media"):
        record[name] = str(record[name])
    record |= {
        "api_version": "2010-04-01",
        "error_message": None,
        "price_unit": "USD",
        "uri": f"{path}.json",
        "subresource_uris": {"media": f"{path}/Media.json"},
    }
    return json.dumps(record).encode() + b"\n"


def _line(rng: random.Random, account: str, created: datetime, text: Callable[[], str]) -> bytes:
    moment = "{:%Y-%m-%dT%H:%M:%SZ}"
    record = {
        "sid": f"SM{rng.getrandbits(128):032x}",
        "account_sid": account,
        "date_created": moment.format(created),
        "date_updated": moment.format(created + timedelta(seconds=rng.randrange(10))),
        "date_sent": moment.format(created + timedelta(seconds=1)),
        "status": rng.choice(["sent", "delivered", "delivered", "undelivered"]),
        "direction": "outbound-api",
        "from": f"+1555{rng.randrange(10**7):07d}",
        "to": f"+1555{rng.randrange(10**7):07d}",
        "body": text(),
        "num_segments": 1,
        "num_media": 0,
        "error_code": None,
        "price": "-0.00790",
        "messaging_service_sid": None,
    }
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
