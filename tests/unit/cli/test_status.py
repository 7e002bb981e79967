"""`dayfile status`, as people and scripts read it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dayfile.cli.exit_codes import Outcome
from dayfile.model.plain_reader import IS_COMPILED
from dayfile.service import Service
from dayfile.settings import Settings

pytestmark = pytest.mark.usefixtures("made")


def test_something_that_needs_a_hand_is_named_with_what_to_do(run: Any) -> None:
    """An instance without a worker answers and does nothing: a script that only asked an address would be content."""
    done = run("status")
    assert done.exit_code == Outcome.FAILED
    assert "Start `dayfile work`" in " ".join(done.stdout.split())
    assert "not all is well (workers)" in done.stderr


def test_an_instance_that_is_well_is_said_to_be(run: Any) -> None:
    """People read it in a sentence, and scripts sign by sign."""
    with Service.open(Settings.read(_env_file=None)) as service:
        service.presence.step()
        done = run("status")
        assert (done.exit_code, "All is well." in done.stdout) == (0, True)
        told = json.loads(run("status", "--json").stdout)
    assert (told["status"], told["checks"]["workers"]["running"]) == ("ok", 1)
    assert told["waiting"] == {"records": 0, "jobs": 0, "notices": 0, "packs_to_rewrite": 0}


def test_it_says_which_code_reads_lines(run: Any) -> None:
    """An operator who compiled it, or does without it, sees that it is so."""
    assert "Lines are read by Python alone." in run("status", DAYFILE_LINE_READER="python").stdout
    told = json.loads(run("status", "--json").stdout)["line_reader"]
    assert told == ("compiled" if IS_COMPILED else "python")


def test_where_there_is_no_instance_none_is_made(run: Any, data_folder: Any) -> None:
    """A look must not leave a second instance in the wrong folder."""
    done = run("status", DAYFILE_DATA_DIR=str(data_folder / "elsewhere"))
    assert done.exit_code == Outcome.FAILED
    assert not (data_folder / "elsewhere").exists()
