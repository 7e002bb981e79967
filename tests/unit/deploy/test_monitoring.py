"""The alert rules and the dashboard: every metric in them exists, every alert leads to what to do, and fires."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from dayfile.service import Service
from dayfile.settings import Settings
from tests.conftest import ROOT

RULES = ROOT / "deploy" / "prometheus" / "dayfile.rules.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "dayfile.json"
CASES = Path(__file__).with_name("alerts.test.yml")
OPERATIONS = ROOT / "docs" / "operations.md"


def rules() -> list[dict[str, Any]]:
    """Return the alert rules."""
    (group,) = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The label names of each sample that an instance gives, by its name."""
    with Service.open(Settings.read(_env_file=None, data_dir=tmp_path_factory.mktemp("new"))) as service:
        service.insight.counters.answered(method="GET", route="/healthz", status=200, seconds=0.1)
        families = [*service.insight.counters.collect(), *service.insight.state_metrics.collect()]
    names: dict[str, set[str]] = {"dayfile_notice_attempts_total": {"channel", "result"}}
    for family in families:
        for sample in family.samples:
            names.setdefault(sample.name, set()).update(sample.labels)
    return names


def unknown(expression: str, metrics: dict[str, set[str]]) -> list[str]:
    """Return the metrics of an expression that do not exist, and the labels that none of its metrics has."""
    named = set(re.findall(r"\bdayfile_\w+", expression))
    labels = {"job", "instance"}.union(*(metrics.get(name, set()) for name in named))
    asked = {label.strip() for group in re.findall(r"\bby \(([^)]*)\)", expression) for label in group.split(",")}
    asked |= set(re.findall(r"(\w+)(?:=|!=|=~)\"", expression))
    return sorted((named - metrics.keys()) | (asked - labels))


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_an_alert_asks_for_what_there_is(rule: dict[str, Any], metrics: dict[str, set[str]]) -> None:
    """A metric that was renamed gives no error: it gives silence."""
    assert unknown(rule["expr"], metrics) == []


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_an_alert_leads_to_what_to_do(rule: dict[str, Any]) -> None:
    """An operator who is woken by it reads that first, in the middle of the night."""
    document, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert ROOT / document == OPERATIONS
    headings = re.findall(r"^#+ (.+)$", OPERATIONS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    assert f"`{rule['alert']}`" in OPERATIONS.read_text(encoding="utf-8")


def test_the_dashboard_asks_for_what_there_is(metrics: dict[str, set[str]]) -> None:
    """An empty panel looks like a quiet day."""
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    assert {expression: unknown(expression, metrics) for expression in expressions} == {
        expression: [] for expression in expressions
    }
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_every_alert_is_tried_both_ways() -> None:
    """An alert must be silent while all is well, and fire when its cause lasts."""
    cases = yaml.safe_load(CASES.read_text(encoding="utf-8"))["tests"]
    tried = {(one["alertname"], bool(one.get("exp_alerts"))) for case in cases for one in case["alert_rule_test"]}
    assert {(rule["alert"], fires) for rule in rules() for fires in (True, False)} <= tried


def test_prometheus_takes_the_rules_and_tells_what_it_should(tmp_path: Path) -> None:
    """Its own tool reads the metrics and the rules, and runs through hours of made-up samples."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("there is no promtool here: it comes with Prometheus")
    for file in (RULES, CASES):
        shutil.copy(file, tmp_path)
    with Service.open(Settings.read(_env_file=None, data_dir=tmp_path / "new")) as service:
        text = bytes(service.insight.metrics.answer().body).decode()
    for command in (("check", "metrics"), ("check", "rules", RULES.name), ("test", "rules", CASES.name)):
        done = subprocess.run(
            [promtool, *command], cwd=tmp_path, input=text, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
