"""Key columns: the values of a line that sealing needs (account, key, times), cut out of it by position.

The positions are the same in every canonical line of a resource type. Nothing here parses, and no line is handled
alone: thousands are cut at once.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterable
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from dayfile.model.account import PACKED_BYTES, AccountSid, packed_members
from dayfile.model.resource import ResourceType, Span

_PREFIX_BYTES: Final = 2
_DIGITS: Final = 32


def key_columns(resource_type: ResourceType) -> tuple[str, ...]:
    """Return the columns that together name a record within its account; they sort as the texts of its keys do."""
    return tuple(
        column
        for number, key in enumerate(resource_type.key_fields)
        for column in ((f"prefix_{number}", f"key_{number}") if len(key.prefixes) > 1 else (f"key_{number}",))
    )


def fields(resource_type: ResourceType) -> list[tuple[str, Any]]:
    """Return the names and types of all columns that are cut; created and updated are seconds since 1970."""
    kinds = {"prefix": pa.int8(), "key": pa.uuid()}
    keys = [(name, kinds[name.partition("_")[0]]) for name in key_columns(resource_type)]
    return [("account", pa.uuid()), *keys, ("created", pa.int64()), ("updated", pa.int64())]


def accounts_of(lines: Any, resource_type: ResourceType) -> Any:
    """Return the account of each line of an array (binary): 16 bytes, the digits of its sid."""
    return _hexadecimal(lines, resource_type.account_span)


def those_of(accounts: Iterable[AccountSid]) -> Callable[[Any], Any]:
    """Return the question which of an array of accounts (16 bytes each) are among these."""
    wanted = pa.array([bytes.fromhex(account[2:]) for account in accounts], pa.binary(_DIGITS // 2))
    return lambda found: pc.is_in(found, value_set=wanted)


def those_packed(packed: bytes, *, without: Iterable[AccountSid]) -> Callable[[Any], Any]:
    """Return the question which of an array of accounts (16 bytes each) may be in a packed set, but not `without`."""
    wanted = pa.array(sorted(packed_members(packed)), pa.binary())
    is_without = those_of(without)

    def question(found: Any) -> Any:
        prefixes = pc.binary_slice(found.cast(pa.binary()), 0, PACKED_BYTES)
        return pc.and_(pc.is_in(prefixes, value_set=wanted), pc.invert(is_without(found)))

    return question


def cut(lines: Any, resource_type: ResourceType) -> dict[str, Any]:
    """Return the columns of an array of lines (binary). Sids are 16 bytes each, which sort as their texts do."""
    # The columns end with the last of these. One by one, they would fetch each line from memory again.
    lines = pc.binary_slice(lines, 0, resource_type.updated_span[1])
    columns = {"account": _hexadecimal(lines, resource_type.account_span)}
    for number, (key, span) in enumerate(zip(resource_type.key_fields, resource_type.key_spans, strict=True)):
        columns[f"key_{number}"] = _hexadecimal(lines, span)
        if len(key.prefixes) > 1:
            prefixes = pa.array(sorted(prefix.encode() for prefix in key.prefixes), pa.binary())
            prefix = pc.binary_slice(lines, span[0], span[0] + _PREFIX_BYTES)
            columns[f"prefix_{number}"] = pc.index_in(prefix, value_set=prefixes).cast(pa.int8())
    columns["created"] = _seconds(lines, resource_type.created_span)
    columns["updated"] = _seconds(lines, resource_type.updated_span)
    return columns


def _hexadecimal(lines: Any, span: Span) -> Any:
    """Return the digits of sids as 16 bytes each; they sort as the digits do."""
    digits = pc.binary_slice(lines, span[0] + _PREFIX_BYTES, span[1])
    packed = binascii.unhexlify(digits.buffers()[2][: len(digits) * _DIGITS])
    return pa.Array.from_buffers(pa.binary(_DIGITS // 2), len(digits), [None, pa.py_buffer(packed)])


def _seconds(lines: Any, span: Span) -> Any:
    moments = pc.binary_slice(lines, *span).view(pa.string())
    return moments.cast(pa.timestamp("s", "UTC")).cast(pa.int64())
