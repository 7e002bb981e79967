"""Our document beside the published specification of the API: whatever differs, differs on purpose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.conftest import ROOT
from tests.support.documented import DOCUMENT, READING

NAME = Path("shared", "contract", "bulkexports-v1.52.0.yml")
RULES = ("type", "format", "pattern", "enum", "minLength", "maxLength", "minimum", "maximum", "default", "required")

TOLD = "what the code checks is told, so that a client knows it before it asks"
PROMISED = "what is always so is promised, so that a reader can rely on it"

DIFFERENCES: Mapping[tuple[str, str], str] = {
    ("PageSize", "maximum"): "more than 1000 is cut down and not refused: clients send whatever their user asked for",
    ("PageSize", "default"): TOLD,
    ("Page", "default"): TOLD,
    ("Page", "maximum"): TOLD,
    ("PageToken", "pattern"): TOLD,
    ("ResourceType", "enum"): "a closed list; with other spellings there is nothing",
    ("Day", "format"): TOLD,
    ("Day", "pattern"): TOLD,
    ("StartDay", "format"): TOLD,
    ("StartDay", "pattern"): TOLD,
    ("EndDay", "format"): TOLD,
    ("EndDay", "pattern"): TOLD,
    ("FriendlyName", "minLength"): TOLD,
    ("FriendlyName", "maxLength"): TOLD,
    ("FriendlyName", "pattern"): TOLD,
    ("WebhookUrl", "maxLength"): TOLD,
    ("WebhookUrl", "pattern"): TOLD,
    ("WebhookUrl", "format"): "an empty text, which clears it, is no URI",
    ("WebhookMethod", "enum"): TOLD,
    ("Email", "pattern"): TOLD,
    ("Email", "maxLength"): TOLD,
    ("resource_type", "enum"): PROMISED,
    ("webhook_method", "enum"): PROMISED,
    ("webhook_url", "format"): "an unset webhook of a configuration is an empty text, as Twilio's examples have it",
    ("day", "format"): PROMISED,
    ("day", "pattern"): PROMISED,
    ("create_date", "format"): PROMISED,
    ("create_date", "pattern"): PROMISED,
    ("start_day", "format"): PROMISED,
    ("start_day", "pattern"): PROMISED,
    ("end_day", "format"): PROMISED,
    ("end_day", "pattern"): PROMISED,
    ("size", "minimum"): PROMISED,
    ("size", "maximum"): "Java and C# keep it in 32 bits",
    ("job_queue_position", "pattern"): PROMISED,
    ("estimated_completion_time", "pattern"): PROMISED,
    ("details", "type"): "the specification has no type for it; later ones and the real service have a list",
    ("links", "format"): "not a map of anything, but the three addresses that there are",
    ("page", "minimum"): PROMISED,
    ("page", "maximum"): "clients keep it in 32 bits",
    ("page_size", "minimum"): PROMISED,
    ("page_size", "maximum"): PROMISED,
    ("key", "enum"): PROMISED,
}


class Difference(NamedTuple):
    """One rule of one parameter or member that is another one here."""

    name: str
    rule: str
    theirs: object
    ours: object


class Specification:
    """The published one, with what it refers to."""

    def __init__(self, text: str) -> None:
        self.document: dict[str, Any] = yaml.safe_load(text)

    @property
    def operations(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Path, method and node of each; some paths have none."""
        for path, item in self.document["paths"].items():
            for method in {"get", "post", "put", "delete"} & set(item):
                yield path, method, item[method]

    def resolve(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a node itself, or the one that it refers to."""
        if "$ref" not in node:
            return node
        found: Any = self.document
        for name in node["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        return self.resolve(found)


@pytest.fixture(scope="module")
def published() -> Specification:
    """The specification, where there is a copy of it beside the project."""
    found = next((folder / NAME for folder in ROOT.parents if (folder / NAME).exists()), None)
    if found is None:
        pytest.skip("there is no copy of the published specification here")
    return Specification(found.read_text(encoding="utf-8"))


@pytest.mark.compat(1, 68)
def ours(path: str, method: str) -> Mapping[str, Any]:
    """Our node for one of their operations."""
    node: Mapping[str, Any] = DOCUMENT["paths"][path][method]
    return node


def test_all_nine_operations_are_there_under_their_names(published: Specification) -> None:
    """Makers of clients name methods after them; these clients exist."""
    theirs = {(path, method): node["operationId"] for path, method, node in published.operations}
    assert len(theirs) == 9
    assert theirs == {(path, method): ours(path, method)["operationId"] for path, method in theirs}


def test_parameters_and_members_are_the_same(published: Specification) -> None:
    """Neither more nor less: one more is a client that breaks on it, one less is a client that misses it."""
    for path, method, theirs in published.operations:
        here = ours(path, method)
        named = [
            {(one["name"], one["in"], one["required"]) for one in node["parameters"]}
            for node in (here, {"parameters": [{"required": False} | one for one in theirs["parameters"]]})
        ]
        assert named[0] == named[1], path
        for (kind, mine), (their_kind, their_schema) in zip(
            READING.content(here.get("requestBody", {})), contents(theirs.get("requestBody", {})), strict=True
        ):
            assert kind == their_kind
            assert set(mine["properties"]) == set(published.resolve(their_schema)["properties"]), path


def test_statuses_and_bodies_are_the_same(published: Specification) -> None:
    """Good answers are theirs to the letter; errors, which they do not describe, come on top."""
    for path, method, theirs in published.operations:
        here = ours(path, method)["responses"]
        assert {status for status in here if status < "4"} == set(theirs["responses"]), path
        for status, answer in theirs["responses"].items():
            mine, them = dict(READING.content(here[status])), dict(contents(answer))
            assert set(mine) == set(them)
            for kind, schema in them.items():
                assert members(READING.resolve, mine[kind]) == members(published.resolve, schema), (path, kind)


@pytest.mark.compat(68)
def test_who_may_ask_is_the_same(published: Specification) -> None:
    """One name of one scheme."""
    for path, method, theirs in published.operations:
        assert [set(one) for one in ours(path, method)["security"]] == [set(one) for one in theirs["security"]]
    schemes = published.document["components"]["securitySchemes"]
    for name, scheme in schemes.items():
        assert scheme.items() <= DOCUMENT["components"]["securitySchemes"][name].items()


def test_every_rule_that_differs_has_a_reason_and_every_reason_a_difference(published: Specification) -> None:
    """Also the other way round: a difference that is gone must not go on being explained."""
    found = {(one.name, one.rule): one for one in differences(published)}
    assert {key: found[key] for key in set(found) - set(DIFFERENCES)} == {}
    assert set(DIFFERENCES) - set(found) == set()


def differences(published: Specification) -> Iterator[Difference]:
    """All rules that are not the same here; that something is never null, or always there, is no difference."""
    for path, method, theirs in published.operations:
        here = ours(path, method)
        by_name = {one["name"]: one["schema"] for one in here["parameters"]}
        for one in theirs["parameters"]:
            yield from compared(one["name"], one["schema"], by_name[one["name"]])
        pairs = [(theirs.get("requestBody", {}), here.get("requestBody", {}))]
        pairs += [(answer, here["responses"][status]) for status, answer in theirs["responses"].items()]
        for their_node, our_node in pairs:
            our_schemas = dict(READING.content(our_node))
            for kind, schema in contents(their_node):
                yield from within(published, schema, our_schemas[kind])


def within(published: Specification, theirs: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield the differences in the members of a body, however deep."""
    theirs, here = published.resolve(theirs), READING.resolve(here)
    for name, member in theirs.get("properties", {}).items():
        mine = READING.resolve(here["properties"][name])
        yield from compared(name, published.resolve(member), mine)
        yield from within(published, member, mine)
    if "items" in theirs:
        yield from within(published, theirs["items"], here["items"])


def compared(name: str, theirs: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield the differences in one parameter or member."""
    for rule in RULES:
        them, mine = theirs.get(rule), here.get(rule)
        if rule == "type" and isinstance(mine, list):
            assert theirs.get("nullable"), f"{name} may be null here and never is there"
            mine = next(kind for kind in mine if kind != "null")
        if rule == "required" and not set(them or ()) - set(mine or ()):
            continue
        if them != mine:
            yield Difference(name, rule, them, mine)


def contents(node: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The types of a published body and their schemas."""
    for kind, content in node.get("content", {}).items():
        yield kind, content["schema"]


def members(resolve: Any, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The names of the members of a body, with those of the bodies in it; links and details are not described there."""
    schema = resolve(schema)
    inner = {name: resolve(node) for name, node in schema.get("properties", {}).items()}
    return {
        name: members(resolve, node.get("items", node)) if name in {"meta", "days", "jobs"} else None
        for name, node in inner.items()
    }
