"""Rendering of the document for people: rules of schemas in words, examples of bodies, curl commands."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from dayfile.api.openapi.operation import ACCOUNT
from dayfile.api.openapi.schema import Node

_WORDS = {
    "string": "text",
    "integer": "whole number",
    "boolean": "true or false",
    "object": "object",
    "null": "null",
    "date": "date",
    "date-time": "time",
    "uri": "URL",
    "email": "e-mail address",
}
_MARKED = re.compile(r"`(?P<code>[^`]+)`|\*\*(?P<strong>[^*]+)\*\*|(?P<plain>[^`*]+)")


_PLACES = {"path": "address", "query": "query", "header": "head"}


class Row(NamedTuple):
    """A parameter or member in a list of the page."""

    name: str
    schema: Node
    node: Node  # with its description
    note: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A view of one document for the page's template."""

    document: Node

    @property
    def families(self) -> Iterator[tuple[Node, list[tuple[str, str, Node]]]]:
        """Each tag with its operations: method, path, and node."""
        everything = [
            (method, path, operation)
            for path, methods in self.document["paths"].items()
            for method, operation in methods.items()
        ]
        for tag in self.document["tags"]:
            yield tag, [entry for entry in everything if tag["name"] in entry[2]["tags"]]

    def resolve(self, node: Node) -> Node:
        """Return a node, or the node that it refers to."""
        if "$ref" not in node:
            return node
        found: Any = self.document
        for name in node["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        return self.resolve(found)

    def content(self, answer: Node) -> Iterator[tuple[str, Node]]:
        """Yield the media types and schemas of a response's or request's bodies."""
        for kind, content in self.resolve(answer).get("content", {}).items():
            yield kind, content.get("schema", {})

    def has_members(self, schema: Node) -> bool:
        """Return True if a schema lists its members itself, rather than by reference."""
        return "properties" in schema

    def members(self, schema: Node, *, within: str = "") -> Iterator[Row]:
        """Yield the members of a body; nested ones as `links.days`. Named schemas are not expanded."""
        for name, node in schema.get("properties", {}).items():
            is_due = within == "" and name in schema.get("required", ()) and "additionalProperties" not in schema
            yield Row(f"{within}{name}", node, node, "required" if is_due else "")
            inner = node["items"] if node.get("type") == "array" else node
            yield from self.members(inner, within=f"{within}{name}.")

    def parameters(self, operation: Node) -> Iterator[Row]:
        """Yield the parameters of an operation: everything in a request except its body."""
        for parameter in operation["parameters"]:
            yield Row(parameter["name"], parameter["schema"], parameter, f"in the {_PLACES[parameter['in']]}")

    def schema_named(self, schema: Node) -> str:
        """Return the name of the schema that this one refers to, or is a list of; empty if it has none."""
        inner = schema.get("items", schema)
        return str(inner["$ref"].rpartition("/")[2]) if "$ref" in inner else ""

    def rule(self, schema: Node) -> str:
        """Return the rule of a schema, in words."""
        if "$ref" in schema:
            return str(schema["$ref"].rpartition("/")[2])
        if "anyOf" in schema:
            return " or ".join(self.rule(one) for one in schema["anyOf"])
        kinds = schema.get("type", [])
        return " or ".join(self._kind(kind, schema) for kind in ([kinds] if isinstance(kinds, str) else kinds))

    def _kind(self, kind: str, schema: Node) -> str:
        if kind == "array":
            return f"list of {self.rule(schema['items'])}"
        if kind == "string" and "enum" in schema:
            return ", ".join(value or "empty" for value in schema["enum"] if value is not None)
        word = _WORDS[schema.get("format", kind)] if kind == "string" else _WORDS[kind]
        return word + "".join(_bounds(schema)) if kind != "null" else word

    def example(self, schema: Node) -> Any:
        """Return a value that the schema allows, made from its examples; None if it has none."""
        schema = self.resolve(schema)
        if "examples" in schema:
            return schema["examples"][0]
        if "properties" in schema:
            return {name: self.example(node) for name, node in schema["properties"].items()}
        return [self.example(schema["items"])] if "items" in schema else None

    def example_text(self, schema: Node) -> str:
        """Return the example as JSON text."""
        return json.dumps(self.example(schema), ensure_ascii=False, indent=2)

    def call(self, method: str, path: str, operation: Node) -> str:
        """Return the curl command of an operation."""
        for parameter in operation["parameters"]:
            path = path.replace(f"{{{parameter['name']}}}", str(parameter.get("example", "")))
        words = ["curl", *_login(operation["security"])]
        if method == "delete":
            words.append("-X DELETE")
        if "307" in operation["responses"]:
            words.append("-L")
        words.append(shlex.quote(self.document["servers"][0]["url"] + path))
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            if kind == "application/x-www-form-urlencoded":
                words += [f"\\\n     -d {name}={shlex.quote(str(value))}" for name, value in content["example"].items()]
            elif kind == "application/x-ndjson":
                words.append("\\\n     --data-binary @messages.jsonl")
        return " ".join(words) + (" | gunzip" if "307" in operation["responses"] else "")


Part = tuple[str, str]
"""A piece of a description: its markup (`code`, `strong`, or none) and its text."""


def paragraphs(description: str) -> list[list[Part]]:
    """Return the paragraphs of a description, split into pieces. Of Markdown only code and strong are supported."""
    return [
        [(name, found[name]) for found in _MARKED.finditer(paragraph) if (name := str(found.lastgroup))]
        for paragraph in description.split("\n\n")
    ]


def _login(security: Sequence[Node]) -> list[str]:
    if not security:
        return []
    return ['-u "$ACCOUNT_SID:$AUTH_TOKEN"' if ACCOUNT in security[0] else '-u "$KEY_SID:$KEY_SECRET"']


def _bounds(schema: Node) -> Iterator[str]:
    least, most = schema.get("minLength"), schema.get("maxLength")
    if most is not None:
        yield f" of {most} characters" if least == most else f" of {least or 0} to {most} characters"
    if "minimum" in schema:
        yield f" from {schema['minimum']}"
    if "maximum" in schema:
        yield f" to {schema['maximum']}"
