"""Intake of records: the one stage that every sender goes through.

    body -> lines -> records -> batch -> segments -> group commit -> receipt

`body.py` decompresses a body and cuts it into lines (`json_array.py` those of an array). `batch_reader.py` makes
records of the lines and a batch of the records (`batch.py`: sorted by day, refused lines with their reasons), if
`authorization.py` lets their accounts in. `segment_writer.py` makes segments of its days. `group_commit.py` commits
them, and the receipt is given; `idempotency.py` gives it again to a request that is repeated.

A batch is all or nothing, and its receipt is given when everything in it is durable. A batch that fits in memory shares
its segments and its commit with those beside it (`group_commit.py`); a larger one writes its segments as it comes,
pending in the ledger, and one commit makes them all count.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Protocol

from dayfile.clock import Clock
from dayfile.counters import Counters
from dayfile.errors import DayfileError, Transient
from dayfile.files.storage import Storage
from dayfile.intake.authorization import Authorization
from dayfile.intake.batch import Batch
from dayfile.intake.batch_reader import PART_BYTES, BatchReader, LatestTime
from dayfile.intake.body import Compression, read_lines
from dayfile.intake.chunk_reading import ReadChunk, UnreadChunk
from dayfile.intake.gate import Gate, Refused
from dayfile.intake.group_commit import BatchCommit, BatchQueue, Commit
from dayfile.intake.idempotency import Fingerprint, IdempotencyKey, IdempotencyKeys, KeyedBody, repeated
from dayfile.intake.lines import Lines
from dayfile.intake.rejections import RejectionWriter
from dayfile.intake.retry import Retried, Retries
from dayfile.intake.segment_writer import SegmentWriter
from dayfile.intake.single_lines import SingleLines, single_lines
from dayfile.model.account import AccountSid
from dayfile.model.credential import Caller
from dayfile.model.receipt import ALL_REJECTIONS, Receipt, RejectionFilter
from dayfile.model.resource import ResourceType
from dayfile.model.secret import Randomness
from dayfile.objects.writer import ObjectWriter
from dayfile.spans import NO_SPANS, Facts, Origin, Spans
from dayfile.store.database import Database

_MOST_ORIGINS = 100  # spans of requests that the span of their batch, or of their commit, names
_OPERATOR = "operator"  # the credential of a user who takes in files on this machine


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingBatch:
    """A batch as it is sent: its sender, and its body in blocks, as they come."""

    caller: Caller
    resource_type: ResourceType
    blocks: Iterable[bytes]
    compression: Compression | None
    idempotency_key: str | None
    origin: Origin | None = None  # the span of its request


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some lines of a file, and the digest by which they are recognised."""

    resource_type: ResourceType
    lines: Sequence[Lines]
    source: str  # the file's name: rejections are filed under it
    is_first: bool  # of its file
    digest: str  # SHA-256 of everything in the file up to their end, in hexadecimal


class Answer(Protocol):
    """The answer to a batch, once it is durable."""

    def result(self) -> Receipt:
        """Wait for the receipt; raises the error of the batch."""
        ...


class Intake:
    """The intake of batches, from any number of threads."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        *,
        clock: Clock,
        randomness: Randomness,
        accounts_may_write: bool,
        max_body_bytes: int,
        keep_dropped: bool = False,
        may_be_compiled: bool = True,
        part_bytes: int = PART_BYTES,
        counters: Counters | None = None,
        spans: Spans = NO_SPANS,
    ) -> None:
        """Bound a body after decompression by `max_body_bytes`; `keep_dropped` keeps fields that an export drops."""
        self._max_body_bytes, self._spans = max_body_bytes, spans
        self._authorization = Authorization(database, accounts_may_write=accounts_may_write)
        self._keys = IdempotencyKeys(database)
        writer = SegmentWriter(ObjectWriter(database, storage, clock=clock), randomness=randomness)
        rejections = RejectionWriter(database, clock=clock)
        self._reader = BatchReader(
            writer,
            rejections,
            latest=LatestTime(database, clock=clock),
            randomness=randomness,
            keep_dropped=keep_dropped,
            may_be_compiled=may_be_compiled,
            part_bytes=part_bytes,
        )

        def give_up(batch: Batch) -> None:
            writer.give_up(batch.segments)
            rejections.give_up(batch.refused_upload)

        self._give_up = give_up
        commit = _counted(BatchCommit(database, writer=writer, clock=clock).commit, counters or Counters(), spans)
        self._queue = BatchQueue(commit, keys=self._keys, give_up=give_up)
        self._retries = Retries(database, self._authorization.operators_gate, self._reader, commit=self._queue.submit)

    def authorize(self, caller: Caller) -> None:
        """Raise Forbidden if the caller may not send records at all: to be asked before the body is read."""
        self._authorization.gate(caller)

    def accept(self, batch: IncomingBatch) -> Receipt:
        """Accept a batch and wait until it is durable; raises what `submit` and its future raise."""
        return self.submit(batch).result()

    def submit(self, batch: IncomingBatch) -> Future[Receipt]:
        """Read a batch to its end and submit it for its commit; the receipt comes when it is durable.

        Raises Forbidden, InvalidBody, TooLarge, TooManyRequests, InFlight, Conflict or Transient, at once or from the
        future. Then nothing of the batch was accepted.
        """
        return self._commit([self._read(batch)])[0]

    def submit_all(self, incoming: Sequence[IncomingBatch]) -> list[Answer]:
        """Submit several small batches, whose blocks may be read twice, for one commit.

        A failed batch raises from its own answer; the others are unaffected. Raises Transient if no more is accepted at
        all. Batches of one sender that are a single good line each are read together, since a batch costs many times
        what a line does.
        """
        single = single_lines(incoming, max_bytes=self._max_body_bytes)
        joint = [(lines, read) for lines in single if (read := self._read_joint(incoming, lines))]
        joined = {place for lines, _ in joint for place in lines.places}
        apart = [self._read_or_fail(batch) for place, batch in enumerate(incoming) if place not in joined]
        committed = iter(self._commit([*(batch for _, batch in joint), *apart], waits=True))
        answers: dict[int, Answer] = {}
        for lines, _ in joint:
            whole, sids = next(committed), self._reader.new_sids(len(lines.places))
            for place, sid in zip(lines.places, sids, strict=True):
                answers[place] = _Joint(self, incoming[place], whole, sid=sid)
        return [answers[place] if place in joined else next(committed) for place in range(len(incoming))]

    def _read_joint(self, incoming: Sequence[IncomingBatch], lines: SingleLines) -> Batch | None:
        """Return lines of one sender as one batch; None if any is refused, or all are: then each is read by itself."""
        first, origins = incoming[lines.places[0]], _origins(incoming[place] for place in lines.places)
        facts: Facts = {"dayfile.type": first.resource_type.name, "dayfile.requests": len(lines.places)}
        with self._spans.span("intake batch", facts, origins=origins) as span:
            try:
                gate = self._authorization.gate(first.caller)
                self._queue.check_room()
                batch = self._reader.read_kept(lines.lines, first.resource_type, gate)
            except DayfileError:
                return None
            span.note({"dayfile.records": batch.receipt.accepted, "dayfile.refused": batch.receipt.rejected})
        return None if batch.refusals else replace(batch, origins=origins)

    def find_chunk(self, digest: str) -> Receipt | None:
        """Return the receipt of a chunk of a file that was taken in before, or None."""
        kept = self._keys.find(_chunk_key(digest))
        return None if kept is None else repeated(kept, body_sha256=digest)

    def unread(self, chunk: Chunk, *, refused: Mapping[AccountSid, Refused]) -> UnreadChunk:
        """Return a chunk as another process can read it, with verdicts on accounts; raises DatabaseUnavailable."""
        return self._reader.unread(chunk.lines, chunk.resource_type, refused=refused)

    def verdicts(self, read: ReadChunk) -> Mapping[AccountSid, Refused]:
        """Return the verdicts on the accounts of a chunk that was read elsewhere, as they are now.

        It may be submitted if they are those that it was read with. Raises DatabaseUnavailable.
        """
        gate = self._authorization.operators_gate()
        asked = (read.accounts - gate.known) | read.refused.keys()
        return gate.judge(asked) if asked else {}

    def submit_chunk(
        self, chunk: Chunk, *, read: ReadChunk | None = None, after: Future[Receipt] | None
    ) -> Future[Receipt]:
        """Submit a chunk of a file that the operator takes in, once the chunk `after` is durable.

        It is read here, unless it was `read` before. If the chunk `after` failed, this raises its error: lines of a
        file never overtake one another.
        """
        keyed = KeyedBody(key=_chunk_key(chunk.digest), digest=lambda: chunk.digest)
        if read is None:
            batch = self._reader.read(
                chunk.lines,
                chunk.resource_type,
                self._authorization.operators_gate(),
                source=chunk.source,
                keyed=keyed,
                checks_beginning=chunk.is_first,
            )
        else:
            batch = self._reader.take_read(read, chunk.resource_type, source=chunk.source, keyed=keyed)
        try:
            if after is not None:
                after.result()
        except BaseException:
            self._give_up(batch)
            raise
        return self._queue.submit(batch)

    def retry(self, rejection_ids: Collection[int]) -> Retried:
        """Retry refused lines, as the operator; raises NotFound for an id that does not exist, or Transient."""
        return self._retries.retry(rejection_ids)

    def retry_following(
        self, after: int, *, up_to: int, matching: RejectionFilter = ALL_REJECTIONS
    ) -> tuple[int, Retried]:
        """Retry some of the refused lines after an id; return the id of the last, or `after` if none is left.

        Raises Transient.
        """
        return self._retries.retry_following(after, up_to=up_to, matching=matching)

    def retry_of_account(self, account: AccountSid) -> Retried:
        """Retry some of the lines that waited for the account; the counts are 0 if there are none. Raises Transient."""
        return self._retries.retry_of_account(account)

    def close(self) -> None:
        """Stop accepting, answer what was submitted, and return when that is done."""
        self._queue.close()

    def _read_or_fail(self, batch: IncomingBatch) -> Batch | Future[Receipt]:
        """Return a batch that is read to its end, or the future of one that needs no commit, or cannot have one."""
        try:
            return self._read(batch)
        except Exception as error:  # noqa: BLE001 - it is handed to whoever sent the batch
            failed: Future[Receipt] = Future()
            failed.set_exception(error)
            return failed

    def _read(self, batch: IncomingBatch) -> Batch | Future[Receipt]:
        origins = _origins([batch])
        with self._spans.span("intake batch", {"dayfile.type": batch.resource_type.name}, origins=origins) as span:
            read = self._read_or_find(batch)
            if isinstance(read, Future):
                return read
            span.note({"dayfile.records": read.receipt.accepted, "dayfile.refused": read.receipt.rejected})
        return replace(read, origins=origins) if origins else read

    def _read_or_find(self, batch: IncomingBatch) -> Batch | Future[Receipt]:
        gate = self._authorization.gate(batch.caller)
        self._queue.check_room()
        lines = read_lines(batch.blocks, compression=batch.compression, max_bytes=self._max_body_bytes)
        if batch.idempotency_key is None:
            return self._reader.read(lines, batch.resource_type, gate)
        key = IdempotencyKey(credential=batch.caller.credential, idempotency_key=batch.idempotency_key)
        self._keys.begin(key)
        try:
            return self._read_keyed(lines, batch.resource_type, gate, key)
        except BaseException:
            self._keys.end(key)
            raise

    def _read_keyed(
        self, lines: Iterator[Lines], resource_type: ResourceType, gate: Gate, key: IdempotencyKey
    ) -> Batch | Future[Receipt]:
        fingerprint = Fingerprint(resource_type)
        lines = fingerprint.watch(lines)
        kept = self._keys.find(key)
        if kept is None:
            keyed = KeyedBody(key=key, digest=fingerprint.hexdigest)
            return self._reader.read(lines, resource_type, gate, keyed=keyed)
        deque(lines, maxlen=0)  # read only to know whether it is the same body
        answer: Future[Receipt] = Future()
        answer.set_result(repeated(kept, body_sha256=fingerprint.hexdigest()))
        self._keys.end(key)
        return answer

    def _commit(self, read: Sequence[Batch | Future[Receipt]], *, waits: bool = False) -> list[Future[Receipt]]:
        """Return the futures of all, those that wait for the commit and those that were there before."""
        batches = [batch for batch in read if isinstance(batch, Batch)]
        answers = iter(self._queue.submit_all(batches, waits=waits))
        return [next(answers) if isinstance(one, Batch) else one for one in read]


class _Joint:
    """The answer to a batch that is a single line, and was read and committed with others as one."""

    def __init__(self, intake: Intake, batch: IncomingBatch, whole: Future[Receipt], *, sid: str) -> None:
        self._intake = intake
        self._batch = batch
        self._whole = whole
        self._sid = sid

    def result(self) -> Receipt:
        try:
            self._whole.result()
        except Transient:
            raise
        except Exception:  # noqa: BLE001 - of another line, or of this one: each is tried by itself
            return self._intake.accept(self._batch)
        return Receipt(sid=self._sid, accepted=1, rejected=0, refusals=())


def _counted(commit: Commit, counters: Counters, spans: Spans) -> Commit:
    """Return a commit that counts what it has made durable, in a span of its own, for all requests that share it."""

    def commit_and_count(batches: Sequence[Batch]) -> None:
        origins = [origin for batch in batches for origin in batch.origins]
        with spans.span("intake commit", origins=origins[:_MOST_ORIGINS]) as span:
            span.note({"dayfile.batches": len(batches), "dayfile.records": sum(b.receipt.accepted for b in batches)})
            commit(batches)
        for batch in batches:
            counters.took(batch.resource_type, accepted=batch.receipt.accepted, rejected=batch.receipt.rejected)

    return commit_and_count


def _origins(incoming: Iterable[IncomingBatch]) -> tuple[Origin, ...]:
    """Return the spans of the requests of batches, as many as a span should name; none if nobody traces."""
    return tuple(batch.origin for batch in incoming if batch.origin is not None)[:_MOST_ORIGINS]


def _chunk_key(digest: str) -> IdempotencyKey:
    return IdempotencyKey(credential=_OPERATOR, idempotency_key=f"file/{digest}")
