"""The cut of a day into pieces by accounts, each with about as much text as one machine should have.

What an account has is not counted: the footers of segments say which accounts are in a block of a megabyte, and that is
near enough. A block of one account cannot be cut, so a giant account is one piece: its file is one gzip member with one
hash.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from dayfile.files.segment_copy import places_of
from dayfile.files.storage import Storage
from dayfile.model.account import AccountSid
from dayfile.sealing.piece import Piece, SegmentInput

_DIGITS: Final = 32
_READ_AT_ONCE: Final = 16


def cut(piece: Piece, storage: Storage, *, cut_bytes: int) -> list[Piece]:
    """Return a piece as several, in the order of accounts, each of about `cut_bytes` of text.

    Reads the footers of its segments if it is worth cutting; raises NotFound, Corrupt, StorageUnavailable.
    """
    waiting = sum(segment.plain_bytes for segment in piece.segments)
    if waiting + sum(former.plain_bytes for former in piece.formers) <= cut_bytes:
        return [piece]
    with ThreadPoolExecutor(_READ_AT_ONCE if storage.is_remote else 1) as pool:
        of_segments = pool.map(lambda segment: list(_amounts(segment, storage)), piece.segments)
        amounts = [amount for of_one in of_segments for amount in of_one]
    amounts += [(former.account[2:], former.plain_bytes) for former in piece.formers]
    borders = list(_borders(sorted(amounts), cut_bytes=cut_bytes))
    return [
        _within(piece, first, None if beyond is None else _before(beyond))
        for first, beyond in zip([None, *borders], [*borders, None], strict=True)
    ]


def _amounts(segment: SegmentInput, storage: Storage) -> Iterator[tuple[str, int]]:
    """Yield where text begins, as digits of an account, and about how many bytes there are from there on."""
    for number, place in enumerate(places_of(segment.key, storage)):
        if segment.blocks is None or number in segment.blocks:
            yield place.first, segment.plain_bytes * place.lines // max(segment.records, 1)


def _borders(amounts: list[tuple[str, int]], *, cut_bytes: int) -> Iterator[str]:
    """Yield the digits of accounts at which the next piece begins."""
    begun, size = "", 0
    for account, amount in amounts:
        if size + amount > cut_bytes and account > begun and size:
            yield account
            begun, size = account, 0
        size += amount


def _before(account: str) -> str:
    return f"{int(account, 16) - 1:0{_DIGITS}x}"


def _within(piece: Piece, first: str | None, last: str | None) -> Piece:
    """Return the part of a piece that is about these accounts, both ends included."""
    lowest, highest = first or "", last or "g"

    def has(account: AccountSid) -> bool:
        return lowest <= account[2:] <= highest

    return replace(
        piece,
        formers=tuple(former for former in piece.formers if has(former.account)),
        bereft=frozenset(filter(has, piece.bereft)),
        first_account=AccountSid(f"AC{first}") if first else piece.first_account,
        last_account=AccountSid(f"AC{last}") if last else piece.last_account,
    )
