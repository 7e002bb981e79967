"""Idempotency: requests with the same idempotency key and the same body get the same receipt, for a day.

The receipt is a row in the same commit as its segments, so it holds across processes and restarts. If two processes
take in the same request at once, the second commit fails as a whole at that row and is answered with the first's
receipt. Only requests with a key have a row; another receipt's sid only names the source of its rejections.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from dayfile.errors import Conflict, InFlight
from dayfile.intake.lines import Lines
from dayfile.model.receipt import Receipt, Refusal, StoredReceipt
from dayfile.model.resource import ResourceType
from dayfile.model.text_lines import joined
from dayfile.store.database import Database

_RETRY_AFTER_SECONDS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """The credential and idempotency key of a request."""

    credential: str
    idempotency_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedBody:
    """The idempotency key of a request, and the digest of its body, asked for once its lines have ended."""

    key: IdempotencyKey
    digest: Callable[[], str]


class IdempotencyKeys:
    """The requests in flight in this process, and the receipts of requests that any process has answered."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._in_flight: set[IdempotencyKey] = set()

    def begin(self, key: IdempotencyKey) -> None:
        """Begin a request, until `end`; raises InFlight if it is being worked on."""
        with self._lock:
            if key in self._in_flight:
                raise InFlight(
                    f"the request with the idempotency key {key.idempotency_key!r} is still being worked on: "
                    "ask again in a moment",
                    retry_after=_RETRY_AFTER_SECONDS,
                )
            self._in_flight.add(key)

    def end(self, key: IdempotencyKey) -> None:
        """End a request that is answered, with a receipt or an error."""
        with self._lock:
            self._in_flight.discard(key)

    def end_of(self, receipt: StoredReceipt | None) -> None:
        """Release the idempotency key of a receipt's request. No-op for None (a request without a key)."""
        if receipt is not None:
            self.end(_key_of(receipt))

    def find(self, key: IdempotencyKey) -> StoredReceipt | None:
        """Return the receipt that the request got before, or None."""
        with self._database.snapshot() as tx:
            return tx.receipts.find(key.credential, key.idempotency_key)

    def settle(self, ours: StoredReceipt) -> Receipt:
        """Return the receipt of a request whose key was taken meanwhile; raises Conflict if by another body."""
        theirs = self.find(_key_of(ours))
        if theirs is None:
            raise Conflict(f"the sid {ours.sid} is taken: send the request again")
        return repeated(theirs, body_sha256=ours.body_sha256)


class Fingerprint:
    """A fingerprint of a body: two bodies are the same if they have the same resource type and lines.

    The bytes as sent do not count: a sender that compresses again for its second try writes another time into the
    header.
    """

    def __init__(self, resource_type: ResourceType) -> None:
        self._hash = sha256(f"{resource_type.name}\n".encode())

    def watch(self, blocks: Iterable[Lines]) -> Iterator[Lines]:
        """Yield the same lines, and add them to the fingerprint."""
        for lines in blocks:
            self.update(lines)
            yield lines

    def update(self, lines: Lines) -> None:
        """Add more lines to the fingerprint."""
        if lines.texts:
            self._hash.update(joined(lines.texts))
            self._hash.update(b"\n")

    def hexdigest(self) -> str:
        """Return the fingerprint of all lines so far, in hexadecimal digits."""
        return self._hash.hexdigest()


def stored(receipt: Receipt, keyed: KeyedBody) -> StoredReceipt:
    """Return the receipt of a request as it is stored."""
    answer = _Answer(
        accepted=receipt.accepted,
        rejected=receipt.rejected,
        refusals=[(refusal.line_number, refusal.field, refusal.reason) for refusal in receipt.refusals],
    )
    return StoredReceipt(
        sid=receipt.sid,
        credential=keyed.key.credential,
        idempotency_key=keyed.key.idempotency_key,
        body_sha256=keyed.digest(),
        answer=msgspec.json.encode(answer).decode(),
    )


def repeated(kept: StoredReceipt, *, body_sha256: str) -> Receipt:
    """Return the receipt that was given before; raises Conflict if it was for another body."""
    if kept.body_sha256 != body_sha256:
        raise Conflict(
            f"the idempotency key {kept.idempotency_key!r} was used for another body: give every batch a key of its own"
        )
    answer = msgspec.json.decode(kept.answer, type=_Answer)
    return Receipt(
        sid=kept.sid,
        accepted=answer.accepted,
        rejected=answer.rejected,
        refusals=tuple(
            Refusal(line_number=number, field=field, reason=reason, line=b"", account=None)
            for number, field, reason in answer.refusals
        ),
    )


def _key_of(receipt: StoredReceipt) -> IdempotencyKey:
    return IdempotencyKey(credential=receipt.credential, idempotency_key=receipt.idempotency_key)


class _Answer(msgspec.Struct, frozen=True):
    accepted: int
    rejected: int
    refusals: list[tuple[int, str | None, str]]
