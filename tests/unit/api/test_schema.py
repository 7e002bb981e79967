from __future__ import annotations

from typing import Annotated

import pytest
from msgspec import Meta

from dayfile.api.body import Body, ClosedBody
from dayfile.api.openapi.schema import day, node_of, number, schema_of, schemas_of, text


class Inner(ClosedBody, frozen=True, kw_only=True):
    """A part that has
    no name.
    """

    title: Annotated[str, text("Its title.", "one", maxLength=5)]


class NamedBody(Body, frozen=True, kw_only=True):
    """A part that has a name."""

    one: Inner
    day: Annotated[str, day("A day.")] | None
    kinds: Annotated[list[Annotated[str, text("A kind.", "b", enum=["b", "a"])]] | None, Meta(description="All kinds.")]


class OuterBody(ClosedBody, frozen=True, kw_only=True):
    """All of it."""

    kind: Annotated[str, text("A kind.", "b", enum=["b", "a"])] | None
    named: list[NamedBody]


class FurtherBody(NamedBody, frozen=True, kw_only=True):
    """A part with more to it."""

    count: Annotated[int, number("How many.", 1, minimum=0)]


SCHEMAS = schemas_of([OuterBody])
INNER = Inner(title="one")


def test_a_body_that_is_named_is_referred_to_and_any_other_stands_in_its_place() -> None:
    """Makers of clients get a class for each name, and the page of the reference shows the rest where it is."""
    assert list(SCHEMAS) == ["Outer", "Named"]
    assert SCHEMAS["Outer"]["properties"]["named"] == {"type": "array", "items": schema_of(NamedBody)}
    assert schema_of(NamedBody) == {"$ref": "#/components/schemas/Named"}
    assert SCHEMAS["Named"]["properties"]["one"] == {
        "type": "object",
        "description": "A part that has no name.",
        "required": ["title"],
        "properties": {
            "title": {"type": "string", "maxLength": 5, "description": "Its title.", "examples": ["one"]},
        },
        "additionalProperties": False,
    }


def test_null_is_a_second_type_with_all_rules_kept() -> None:
    """Tools make a choice of two classes of `anyOf`, and an optional value of this."""
    assert SCHEMAS["Outer"]["properties"]["kind"] == {
        "type": ["string", "null"],
        "enum": ["b", "a", None],
        "description": "A kind.",
        "examples": ["b"],
    }
    named = SCHEMAS["Named"]["properties"]
    assert named["day"]["type"] == ["string", "null"]
    assert (named["day"]["format"], named["day"]["description"]) == ("date", "A day.")
    assert (named["kinds"]["type"], named["kinds"]["description"]) == (["array", "null"], "All kinds.")
    assert named["kinds"]["items"]["enum"] == ["b", "a"]  # in the order that was given


def test_only_closed_bodies_forbid_further_members() -> None:
    """Twilio's have exactly Twilio's members; ours may grow."""
    assert SCHEMAS["Outer"]["additionalProperties"] is False
    assert "additionalProperties" not in SCHEMAS["Named"]
    assert SCHEMAS["Named"]["required"] == ["one", "day", "kinds"]


def test_a_choice_other_than_of_null_is_refused() -> None:
    """The document has no words for it, and strictly typed clients have no type."""

    class OddBody(Body, frozen=True, kw_only=True):
        """An odd one."""

        either: int | str

    with pytest.raises(TypeError, match="only null"):
        schemas_of([OddBody])


def test_members_are_in_the_order_of_their_fields_and_inherited_ones_first() -> None:
    """Scripts cut responses apart by their order, odd as it is."""
    body = NamedBody(one=INNER, day=None, kinds=["a"])
    assert body.members() == {"one": {"title": "one"}, "day": None, "kinds": ["a"]}
    further = body.extended(FurtherBody, count=2)
    assert further == FurtherBody(one=INNER, day=None, kinds=["a"], count=2)
    assert list(further.members()) == list(schemas_of([FurtherBody])["Further"]["properties"])
    assert list(further.members()) == ["one", "day", "kinds", "count"]


def test_a_parameter_is_described_as_a_member_is() -> None:
    """Without an example it has none: an invented one would be copied."""
    assert node_of(text("A name.", pattern="^x$")) == {"type": "string", "pattern": "^x$", "description": "A name."}
    assert node_of(number("How many.", 1)) == {"type": "integer", "description": "How many.", "examples": [1]}
