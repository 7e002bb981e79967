"""The page about scale shows what its programs print."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The programs of the simulation, which are no package."""
    monkeypatch.syspath_prepend(ROOT / "bench")
    return importlib.import_module("scale_world")


def test_the_week_on_the_page_is_the_week_that_is_simulated(world: ModuleType) -> None:
    """A rule or a constant that changes in the code changes the week: the page must not go on showing the old one."""
    simulation = importlib.import_module("simulate_scale")
    table = "\n".join(simulation.table([simulation.SMALL], [_passed(world, simulation.SMALL)]))
    assert f"```\n{table}\n```" in PAGE, f"put this on docs/scale.md:\n{table}"


def test_hosts_that_fail_cost_time_and_no_day(world: ModuleType) -> None:
    """A simulation in which a failure loses a day, or costs nothing, would say nothing about failures."""
    plan = world.Plan(name="", accounts=30_000, records=400e6, hosts=6, days=2, hours_up=1.0, hours_down=0.1)
    result = _passed(world, plan)
    assert result.sums["seals begun again"] > 0
    assert result.sums["days that were not sealed in time"] == 0


def _passed(world: ModuleType, plan: Any) -> Any:
    week = importlib.import_module("scale_week").Week(plan, world.Costs(), world.Network())
    return week.run()
