"""JSON Schemas: descriptions of fields and parameters, and the schemas of bodies, which msgspec derives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import cleandoc
from typing import Any, Final

import msgspec
from msgspec import Meta

from dayfile.api.body import Body
from dayfile.model.resource import RESOURCE_TYPES

Node = Mapping[str, Any]
"""A JSON object in the document."""

ACCOUNT_SID: Final = "AC0123456789abcdef0123456789abcdef"
JOB_SID: Final = "JS0123456789abcdef0123456789abcdef"
EVENT_SID: Final = "EV0123456789abcdef0123456789abcdef"
JOB_SID_PATTERN: Final = "^JS[0-9a-fA-F]{32}$"
EVENT_SID_PATTERN: Final = "^EV[0-9a-fA-F]{32}$"
DAY_PATTERN: Final = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
SHA256: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

_NULL: Final = {"type": "null"}
_BODY: Final = "Body"


def text(says: str, example: str | None = None, **rules: object) -> Meta:
    """Describe a text."""
    return _described("string", says, example, rules)


def url(says: str, path: str) -> Meta:
    """Describe an absolute URL below the public base URL."""
    return text(says, f"http://localhost:8080{path}", format="uri")


def moment(says: str, example: str) -> Meta:
    """Describe a moment in UTC."""
    return text(says, example, format="date-time")


def day(says: str, example: str = "2026-10-01") -> Meta:
    """Describe a UTC date."""
    return text(says, example, format="date", pattern=DAY_PATTERN)


def number(says: str, example: int | None = None, **rules: object) -> Meta:
    """Describe a whole number."""
    return _described("integer", says, example, rules)


def flag(says: str, *, example: bool) -> Meta:
    """Describe a value that is true or false."""
    return _described("boolean", says, example, {})


def resource_type(says: str) -> Meta:
    """Describe the name of a resource type."""
    return text(says, "Messages", enum=[known.name for known in RESOURCE_TYPES])


def _described(kind: str, says: str, example: object, rules: Node) -> Meta:
    # The rules are given as they are in the document, since msgspec knows no `format` and sorts an `enum`; and one
    # spelling of them, for members and parameters, is easier to read than two.
    examples = None if example is None else [example]
    return Meta(description=says, examples=examples, extra_json_schema={"type": kind, **rules})


RESOURCE_TYPE: Final = resource_type("The type of the records.")


def node_of(meta: Meta) -> Node:
    """Return the schema of a value with this description."""
    examples = {} if meta.examples is None else {"examples": meta.examples}
    return {**(meta.extra_json_schema or {}), "description": meta.description, **examples}


def ref(kind: str, name: str) -> Node:
    """Return a reference to a component of the document."""
    return {"$ref": f"#/components/{kind}/{name}"}


def schema_of(body: type[Body]) -> Node:
    """Return a reference to the schema of a body."""
    return ref("schemas", body.__name__.removesuffix(_BODY))


def schemas_of(bodies: Sequence[type[Body]]) -> dict[str, Node]:
    """Return the schemas of bodies and of all bodies in them, by name: JobBody is Job.

    A class whose name does not end in Body has no name in the document either: its schema stands where it is used.
    """
    _, components = msgspec.json.schema_components(bodies, ref_template="{name}")
    return {
        name.removesuffix(_BODY): _adapted(node, components)
        for name, node in components.items()
        if name.endswith(_BODY)
    }


def _adapted(node: Any, components: Node) -> Any:
    """Return a schema of msgspec's as the document has it.

    What msgspec has no option for is put right here: no titles, which repeat the name; references to the document's
    components; null as a second type, which tools that make clients understand better than a choice of two schemas.
    """
    if isinstance(node, list):
        return [_adapted(one, components) for one in node]
    if not isinstance(node, dict):
        return node
    kept = {
        key: _adapted(value, components)
        for key, value in node.items()
        if key not in {"$ref", "anyOf"} and not (key == "title" and isinstance(value, str))
    }
    if isinstance(kept.get("description"), str):
        kept["description"] = cleandoc(kept["description"]).replace("\n", " ")
    if "$ref" in node:
        name = node["$ref"]
        is_named = name.endswith(_BODY)
        kept |= ref("schemas", name.removesuffix(_BODY)) if is_named else _adapted(components[name], components)
    if "anyOf" in node:
        kept |= _or_null(*(_adapted(one, components) for one in node["anyOf"]))
    return kept


def _or_null(node: Node, null: Node) -> Node:
    """Return the schema of a value or null, the only choice that bodies have."""
    if null != _NULL:
        raise TypeError(f"a member of a body is a {node} or a {null}: only null may be the other choice")
    kinds = {"type": [node["type"], "null"]}
    return {**node, **kinds, **({"enum": [*node["enum"], None]} if "enum" in node else {})}
