"""The documents tell the truth: what they name exists, and what exists is in them."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.main import get_command

from dayfile.api.export_bodies import ManifestBody
from dayfile.cli.app import app
from dayfile.cli.exit_codes import Outcome
from dayfile.model.job import TRANSITIONS, Event, Status
from dayfile.model.resource import RESOURCE_TYPES, ResourceType
from dayfile.service import Service
from dayfile.settings import Settings
from tests.conftest import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
DASH = "\N{EN DASH}"
FORMAT = (ROOT / "docs" / "format.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    """A reader in trouble follows a link; it must not be the next trouble."""
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_documents_that_the_code_names_exist() -> None:
    """A comment that sends the reader to a page must not send them nowhere."""
    named = {
        (str(source.relative_to(ROOT)), page)
        for folder in ("src", "tests", "bench")
        for source in (ROOT / folder).rglob("*.py")
        for page in re.findall(r"docs/[\w./-]+\.md", source.read_text(encoding="utf-8"))
    }
    assert sorted((source, page) for source, page in named if not (ROOT / page).exists()) == []


def test_every_setting_is_documented_with_its_default() -> None:
    """An operator finds settings in one table; it lists those that are read, and what holds when they are not set."""
    prefix = Settings.model_config["env_prefix"]
    read = {f"{prefix}{name}".upper(): _as_text(field.default) for name, field in Settings.model_fields.items()}
    rows = re.findall(r"^\| `(DAYFILE_\w+)` \| (.*?) \|", OPERATIONS, flags=re.MULTILINE)
    # A default that depends on other settings is None in the code and told in words in the document.
    documented = {name: told if read.get(name) is not None else None for name, told in rows}
    assert documented == read


def _as_text(default: object) -> str | None:
    if isinstance(default, bool):
        return "`on`" if default else "`off`"
    return None if default is None else f"`{default}`"


def test_every_command_is_documented() -> None:
    """A command that is in no document is found by accident, one that is gone by frustration."""
    commands = list(_leaves(get_command(app)))
    assert [words for words in commands if not _mentions(words)] == []
    assert set(re.findall(r"^\| `dayfile (\w+)", OPERATIONS, flags=re.MULTILINE)) == {words[0] for words in commands}


def test_every_documented_option_exists() -> None:
    """An option that is gone is a script that fails at night."""
    tables = "\n".join(re.findall(r"^\| `dayfile .*$", OPERATIONS, flags=re.MULTILINE))
    assert set(re.findall(r"--[a-z-]+", tables)) <= set(_options(get_command(app)))


def _options(command: Any) -> Iterator[str]:
    for child in getattr(command, "commands", {}).values():
        yield from _options(child)
    for parameter in command.params:
        yield from parameter.opts


def _leaves(command: Any, *before: str) -> Iterator[tuple[str, ...]]:
    for name, child in getattr(command, "commands", {}).items():
        if not child.hidden:
            yield from _leaves(child, *before, name)
    if not getattr(command, "commands", {}):
        yield before


def _mentions(words: tuple[str, ...]) -> bool:
    """Return True if the tables of commands have it: `dayfile serve ...` or `dayfile jobs create`, `list`, ..."""
    group, *rest = words
    rows = re.findall(rf"^\| (`dayfile {group}\b.*?) \|", OPERATIONS, flags=re.MULTILINE)
    return any(not rest or re.search(rf"[ `]{rest[0]}\b", row.removeprefix(f"`dayfile {group}")) for row in rows)


def _glossary() -> list[tuple[str, str]]:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    return re.findall(r"^\| ([\w, ]+) \| .* \| `([\w.]+)` \|$", text, flags=re.MULTILINE)


@pytest.mark.parametrize(("word", "place"), _glossary())
def test_words_of_the_glossary_are_words_of_the_code(word: str, place: str) -> None:
    """A reader of a document finds its words in the code at once, at the place that the glossary gives."""
    found = _find(f"dayfile.{place}")
    assert found is not None, f"{word}: there is no dayfile.{place}"


def _find(dotted: str) -> object | None:
    module, _, name = dotted.rpartition(".")
    try:
        return _module(dotted)
    except ModuleNotFoundError:
        return getattr(_module(module), name, None)


def _module(name: str) -> ModuleType:
    return importlib.import_module(name)


def test_the_glossary_has_the_words_of_the_house() -> None:
    """A table that lost its form would otherwise test nothing."""
    words = {word for word, _ in _glossary()}
    assert {"account", "record", "segment", "seal", "custom job, job", "day file", "claim"} <= words


def test_the_drawing_of_the_job_is_the_table_in_the_code() -> None:
    """Two tables of transitions that differ are worse than one: somebody builds on the wrong one."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    header = next(line for line in text.splitlines() if line.startswith("| from "))
    events = [Event(name.strip()) for name in header.strip("| ").split("|")[1:]]
    drawn: dict[tuple[Status, Event], Status] = {}
    for row in text.partition(header)[2].splitlines()[2:]:
        if not row.startswith("|"):
            break
        start, *ends = (cell.strip() for cell in row.strip("|").split("|"))
        drawn |= {(Status(start), event): Status(end) for event, end in zip(events, ends, strict=True) if end}
    assert drawn == dict(TRANSITIONS)


@pytest.mark.parametrize("resource_type", RESOURCE_TYPES, ids=str)
def test_the_format_has_every_field_in_its_order(resource_type: ResourceType) -> None:
    """A reader is written from this page: a field that is missing there is a column that is missing elsewhere."""
    _, _, section = FORMAT.partition(f"\n### {resource_type.name}\n")
    table, _, dropped = section.partition("\n##")[0].partition("\nDropped: ")
    rows = re.findall(r"^\| (`.*) \|", table, flags=re.MULTILINE)
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row.rpartition("|")[0])] == [
        field.name for field in resource_type.fields
    ]
    assert tuple(re.findall(r"`(\w+)`", dropped)) == resource_type.dropped


def test_the_format_has_every_field_of_the_manifest() -> None:
    """A manifest is evidence; evidence that nobody explains proves nothing."""
    _, _, section = FORMAT.partition("\n## Manifest\n")
    rows = re.findall(r"^\| (`.*?) \|", section.partition("\n## ")[0], flags=re.MULTILINE)
    told = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert told == list(ManifestBody.__struct_fields__)


def test_every_exit_code_is_documented() -> None:
    """Scripts decide by them whether to try again or to wake somebody."""
    _, _, section = OPERATIONS.partition("**Exit codes**")
    codes = re.findall(r"^\| (\d+) \|", section.partition("**Health.**")[0], flags=re.MULTILINE)
    assert [int(code) for code in codes] == sorted(Outcome)


@pytest.mark.parametrize("resource_type", RESOURCE_TYPES, ids=str)
def test_the_format_says_where_the_fixed_part_stands(resource_type: ResourceType) -> None:
    """Readers cut lines by position; an offset that is off by one gives wrong accounts, not errors."""
    row = next(row for row in FORMAT.splitlines() if resource_type.name in row and row.count(DASH) > 1)
    spans = (*resource_type.key_spans, resource_type.account_span, resource_type.created_span)
    expected = [(str(start), str(stop)) for start, stop in (*spans, resource_type.updated_span)]
    assert re.findall(rf"(\d+){DASH}(\d+)", row) == expected


def test_every_metric_is_documented(tmp_path: Path) -> None:
    """A number that nobody explains is read as something else; one that is gone is an alert that never comes."""
    with Service.open(Settings.read(_env_file=None, data_dir=tmp_path)) as service:
        families = [*service.insight.counters.collect(), *service.insight.state_metrics.collect()]
    _, _, section = OPERATIONS.partition("\n## Seen from outside\n")
    rows = re.findall(r"^\| (`dayfile_.*?) \|", section.partition("\n## ")[0], flags=re.MULTILINE)
    documented = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(documented) == sorted(f"{one.name}_total" if one.type == "counter" else one.name for one in families)
