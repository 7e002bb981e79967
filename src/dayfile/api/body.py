"""Response bodies: one class each, from which both the JSON of a response and its JSON Schema are made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

import msgspec
import msgspec.structs

B = TypeVar("B", bound="Body")


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """A response body or a part of one, made by keyword. It may get further members: these are Dayfile's own.

    The class docstring and the fields' metadata are the descriptions in the OpenAPI document, written for clients.
    """

    def members(self) -> dict[str, Any]:
        """Return the members as JSON has them, in order."""
        return cast("dict[str, Any]", msgspec.to_builtins(self))

    def extended(self, kind: type[B], **further: object) -> B:
        """Return this body with further members, as a kind of body that is derived from its own."""
        return kind(**msgspec.structs.asdict(self), **further)


class ClosedBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body that has exactly these members: Twilio's, whose strictly typed clients refuse others."""


def json_text(content: Body | Mapping[str, object]) -> bytes:
    """Return a body as JSON, with a space after each colon and comma as in Twilio's responses."""
    return msgspec.json.format(msgspec.json.encode(content), indent=0)


def moment_text(moment: datetime) -> str:
    """Return a moment in UTC, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def moment_text_or_none(moment: datetime | None) -> str | None:
    """Return a moment in UTC, to the second; None for None."""
    return None if moment is None else moment_text(moment)
