"""Codecs of blocks: how many lines of a resource type are read into objects, and written with their fields in order.

Fields may be missing, and some undocumented ones may be there. A strict codec takes values in the types of an export
only, which spares looking at each. A tolerant one also takes what can be put right later: integers may be text, amounts
may be numbers, and fields that an export drops may be there. Both lose what readers of JSON lose, a name that comes
twice.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Final

import msgspec
from msgspec.structs import astuple

from dayfile.model.fields import MAX_INTEGER, MIN_INTEGER
from dayfile.model.resource import Kind, ResourceType

MISSING: Final = msgspec.Raw(b"null\x00")
"""The value of a documented field that a line has not: null, with a mark that no JSON has."""

MARK: Final = b"\x00"
"""The mark."""

_CODECS_REMEMBERED = 64  # senders choose the undocumented fields

_TYPES: Final[dict[Kind, Any]] = {
    Kind.TEXT: str | None,
    Kind.INTEGER: Annotated[int, msgspec.Meta(ge=MIN_INTEGER, le=MAX_INTEGER)] | str | None,
    Kind.AMOUNT: msgspec.Raw,
    Kind.BOOLEAN: bool | None,
    Kind.MOMENT: str | None,
}
_STRICT_TYPES: Final[dict[Kind, Any]] = _TYPES | {
    Kind.INTEGER: Annotated[int, msgspec.Meta(ge=MIN_INTEGER, le=MAX_INTEGER)] | None,
    Kind.AMOUNT: str | None,
}
_DROPPED: Final[Any] = str | dict[str, str] | None | msgspec.UnsetType
_EXTRA: Final[Any] = msgspec.Raw | msgspec.UnsetType


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """The values of one field in the objects of a block."""

    name: str
    attribute: str

    @classmethod
    def of(cls, name: str, attribute: str | None = None) -> Column:
        """Return the column of a field, kept in an attribute of its name or another one."""
        attribute = attribute or (f"{name}_" if keyword.iskeyword(name) else name)
        return cls(name=name, attribute=attribute)


@dataclass(frozen=True, slots=True)
class Form:
    """The type of an object, and its fields, by whose values it is made."""

    make: Callable[..., Any]
    columns: tuple[Column, ...]

    def columns_of(self, drafts: Sequence[Any]) -> dict[str, Sequence[Any]]:
        """Return the values of each column in some objects; at least one."""
        # All at once: to get each column by itself takes three times as long.
        return dict(zip((column.name for column in self.columns), zip(*map(astuple, drafts), strict=True), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlockCodec:
    """The parser of blocks of one resource type, and the columns of what it makes."""

    is_strict: bool
    decode: Callable[[bytes], list[Any]]  # of lines into objects; raises ValueError or RecursionError
    sids: tuple[tuple[Column, tuple[str, ...]], ...]  # texts, with the prefixes that they may have
    account: Column  # one of them
    created: Column  # one of the moments
    moments: tuple[Column, ...]  # a text, or None or MISSING in those that are not needed
    integers: tuple[Column, ...]  # an integer, a text, None or MISSING; none of a strict codec
    amounts: tuple[Column, ...]  # Raw; of a strict codec a text, None or MISSING
    dropped: tuple[Column, ...]  # anything or UNSET; none of a strict codec
    extras: tuple[Column, ...]  # undocumented: Raw or UNSET
    whole: Form
    without_dropped: Form
    names: frozenset[str]  # of all, and of fields that an export drops

    @property
    def has_no_raw(self) -> bool:
        """True if no value is copied as it is, so that no newline can be within the lines that are made of objects."""
        return self.is_strict and not self.extras


@lru_cache(maxsize=_CODECS_REMEMBERED)
def block_codec(resource_type: ResourceType, extras: tuple[str, ...] = (), *, is_strict: bool) -> BlockCodec:
    """Return the codec of a resource type for lines that may have some undocumented fields, in this order."""
    keys = tuple((Column.of(key.name), key.prefixes) for key in resource_type.key_fields)
    account, created, updated = (Column.of(name) for name in ("account_sid", "date_created", "date_updated"))
    optional = {field: Column.of(field.name) for field in resource_type.fields}
    others = tuple(Column.of(name, f"extra_{number}") for number, name in enumerate(extras))
    dropped = () if is_strict else tuple(Column.of(name) for name in resource_type.dropped)
    types = _STRICT_TYPES if is_strict else _TYPES

    needed = [*(column for column, _ in keys), account, created, updated]
    fields: list[Any] = [(column.attribute, str) for column in needed]
    fields += [(column.attribute, types[field.kind], MISSING) for field, column in optional.items()]
    fields += [(column.attribute, _EXTRA, msgspec.UNSET) for column in others]
    columns = (*needed, *optional.values(), *others)
    without_dropped = _form(resource_type, columns, fields)
    fields += [(column.attribute, _DROPPED, msgspec.UNSET) for column in dropped]
    whole = _form(resource_type, (*columns, *dropped), fields)

    def of_kind(kind: Kind) -> tuple[Column, ...]:
        return tuple(column for field, column in optional.items() if field.kind is kind)

    return BlockCodec(
        is_strict=is_strict,
        decode=msgspec.json.Decoder(whole.make).decode_lines,
        sids=(*keys, (account, ("AC",))),
        account=account,
        created=created,
        moments=(created, updated, *of_kind(Kind.MOMENT)),
        integers=() if is_strict else of_kind(Kind.INTEGER),
        amounts=of_kind(Kind.AMOUNT),
        dropped=dropped,
        extras=others,
        whole=whole,
        without_dropped=without_dropped,
        names=frozenset([*(column.name for column in columns), *resource_type.dropped]),
    )


def _form(resource_type: ResourceType, columns: tuple[Column, ...], fields: Sequence[Any]) -> Form:
    struct = msgspec.defstruct(
        resource_type.name,
        fields,
        rename={column.attribute: column.name for column in columns},
        forbid_unknown_fields=True,
        gc=False,
    )
    return Form(struct, columns)
