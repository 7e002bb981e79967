"""Bodies that are a single line each, found without reading them, so that many are read as if they were one.

Apart, because it is about bodies of requests: what their lines say is the batch reader's to find out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from dayfile.intake.body import Compression
from dayfile.intake.lines import Lines
from dayfile.model.credential import Caller
from dayfile.model.resource import ResourceType

FEWEST: Final = 2
"""The number of bodies of one sender from which they are read together."""


class Sent(Protocol):
    """A body as it was sent."""

    @property
    def caller(self) -> Caller: ...
    @property
    def resource_type(self) -> ResourceType: ...
    @property
    def blocks(self) -> object: ...
    @property
    def compression(self) -> Compression | None: ...
    @property
    def idempotency_key(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class SingleLines:
    """Lines of one sender and resource type, and the places of their bodies among all."""

    places: tuple[int, ...]
    texts: tuple[bytes, ...]

    @property
    def lines(self) -> Lines:
        """The lines, as of one body."""
        return Lines(range(1, len(self.texts) + 1), self.texts)


def single_lines(bodies: Sequence[Sent], *, max_bytes: int) -> Iterator[SingleLines]:
    """Yield the lines of bodies that seem to be one JSON object on one line, by sender and type.

    A body with an idempotency key has an answer of its own, and one that is compressed or over `max_bytes` is none.
    """
    found: dict[tuple[str, str], list[tuple[int, bytes]]] = {}
    for place, body in enumerate(bodies):
        if body.compression is None and body.idempotency_key is None and (line := _line(body.blocks, max_bytes)):
            found.setdefault((body.caller.credential, body.resource_type.name), []).append((place, line))
    yield from (SingleLines(*zip(*lines, strict=True)) for lines in found.values() if len(lines) >= FEWEST)


def _line(blocks: object, max_bytes: int) -> bytes | None:
    """Return the line of a body that is in memory, and begins and ends as an object does; None for any other."""
    if not isinstance(blocks, list | tuple):
        return None
    body = b"".join(blocks)
    line = body.removesuffix(b"\n")
    is_object = line.startswith(b"{") and line.endswith(b"}") and b"\n" not in line
    return line if is_object and len(body) <= max_bytes else None
