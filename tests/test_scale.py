"""The page about scale shows what its programs print."""

from __future__ import annotations

import importlib

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")


def test_the_week_on_the_page_is_the_week_that_is_simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule or a constant that changes in the code changes the week: the page must not go on showing the old one."""
    monkeypatch.syspath_prepend(ROOT / "bench")
    simulation, week = importlib.import_module("simulate_scale"), importlib.import_module("scale_week")
    costs = importlib.import_module("scale_world")
    result = week.Week(simulation.SMALL, costs.Costs(), costs.Network()).run()
    table = "\n".join(simulation.table([simulation.SMALL], [result]))
    assert f"```\n{table}\n```" in PAGE, f"put this on docs/scale.md:\n{table}"
