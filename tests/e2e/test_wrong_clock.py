"""Real processes under a clock that is wrong by days."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from dayfile.clock import SystemClock
from tests.e2e.cli_instance import Instance, serving
from tests.support.faketime import variables_of_a_clock
from tests.support.swift import Bucket

AHEAD = "+10d"


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    """An instance in a folder of its own."""
    return Instance(tmp_path)


def _under_a_wrong_clock(instance: Instance) -> Instance:
    """The same instance, for processes whose clock is ahead."""
    return Instance(instance.folder, variables={**instance.variables, **variables_of_a_clock(AHEAD)})


def _wait_for(instance: Instance, event: str) -> None:
    for line in instance.logged():
        if line["event"] == event:
            return


def test_a_server_that_starts_ten_days_ahead_doubts_its_clock(instance: Instance) -> None:
    """It says so wherever an operator looks, and a server with the right clock goes on as if nothing had been."""
    wrong = _under_a_wrong_clock(instance)
    with serving(instance):
        pass
    assert instance.json("clock")["trusted"] is True
    with serving(wrong) as server:
        _wait_for(wrong, "clock.doubted")
        told = wrong.json("clock")
        assert told["trusted"] is False
        assert "hours ahead of what is expected" in told["why"]
        assert "hours ahead of what is expected" in httpx2.get(server.url).text
        checked = wrong.run("check", expect=1)
        assert "the clock is trusted" in checked.stdout.replace("\n", " ")
    with serving(instance):
        _wait_for(instance, "clock.trusted")
    state = instance.json("clock")
    assert state["trusted"] is True
    assert abs(datetime.fromisoformat(state["now"]) - SystemClock().now()) < timedelta(hours=1)
    assert "All is well" in instance.run("check").stdout


def test_an_operator_can_accept_a_clock_at_once(instance: Instance) -> None:
    """A machine that was away for ten days need not wait for a day more."""
    wrong = _under_a_wrong_clock(instance)
    with serving(instance):
        pass
    assert wrong.json("clock")["trusted"] is False
    assert wrong.json("clock", "accept")["trusted"] is True
    assert wrong.json("clock")["trusted"] is True
    assert instance.json("clock")["trusted"] is False
    assert any(line["action"] == "clock.accepted" for line in instance.json("audit", "list"))


def test_an_object_store_refuses_a_host_whose_clock_is_wrong_and_that_is_told(tmp_path: Path, bucket: Bucket) -> None:
    """A signature has a time in it. The store's own word for it names neither the clock nor what to do."""
    instance = Instance(tmp_path, variables={"DAYFILE_STORAGE_URL": bucket.url, **bucket.environment()})
    told = _under_a_wrong_clock(instance).run("storage", "test", "--json", expect=1).stdout
    assert "the clock of this machine and that of the store are more than 15 minutes apart" in told
    assert "set the clock of this machine" in told
