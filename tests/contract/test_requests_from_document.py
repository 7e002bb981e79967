"""Requests that Schemathesis makes from the served document, to a real server: good, bad, and one after another."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dayfile.api.app import OPERATIONS
from dayfile.model.account import AccountSid
from dayfile.model.resource import RESOURCE_TYPES
from tests.conftest import ROOT
from tests.support.documented import DOCUMENT
from tests.support.intake_server import Server, served
from tests.support.notices import a_notice, told
from tests.support.randomness import SeededRandomness
from tests.support.requests_from_document import CHECK

DAYS = {"StartDay": "2026-11-01", "EndDay": "2026-11-03", "FriendlyName": "published before the requests"}

HOOKS = ROOT / "tests" / "support" / "requests_from_document.py"

LEFT_OUT = {
    # By name, why.
    "positive_data_acceptance": f"{CHECK} asks the same, and knows the rules that no schema can say",
}


WARNED = {
    # What Schemathesis wonders about, as would everybody who does not know why:
    ("missing_auth", "GET /v1/Downloads/{Link}"),  # a made-up link is forged, and that is all that can be said of it
    ("validation_mismatch", "POST /v1/Records/{ResourceType}"),  # a made-up record is nobody's here
    ("missing_test_data", "GET /v1/Exports/Jobs/{JobSid}"),  # a made-up sid is no job's; links lead to those that are
    ("missing_test_data", "DELETE /v1/Exports/Jobs/{JobSid}"),  # the same
    ("missing_test_data", "GET /v1/Exports/{ResourceType}/Days/{Day}"),  # nor is a made-up day a published one
    ("missing_test_data", "GET /v1/Exports/{ResourceType}/Days/{Day}/Manifest"),  # the same
    ("missing_test_data", "GET /v1/Notices/{EventSid}"),  # nor is a made-up event one that happened
    ("missing_test_data", "POST /v1/Notices/{EventSid}/Attempts"),  # the same
    ("missing_test_data", "GET /errors/{Code}"),  # nor a made-up number a code
    # The operator's key here may send records; what happens to accounts, tests/e2e/test_accounts_api.py tells.
    *(
        ("missing_auth", f"{operation.method.upper()} {operation.path}")
        for operation in OPERATIONS
        if operation.path.startswith("/v1/Accounts")
    ),
}

LINKS = sum(
    len(response.get("links", ()))
    for methods in DOCUMENT["paths"].values()
    for operation in methods.values()
    for response in operation["responses"].values()
)
"""The number of ways that the document names to go on from an answer."""


class Run(NamedTuple):
    """Result of a run of Schemathesis."""

    code: int
    output: str
    report: dict[str, Any]

    @property
    def cases(self) -> int:
        """The number of requests that it made."""
        return int(self.report["test_cases"]["generated"])

    @property
    def tested(self) -> int:
        """The number of operations that it has tried."""
        return int(self.report["operations"]["tested"])

    @property
    def links(self) -> int:
        """The number of links between operations that it has followed: the document's, and some that it guessed."""
        found = re.search(r"API Links:\s+(\d+) covered", self.output)
        assert found, self.output
        return int(found[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with days that are published already; its values are seeded, so each run makes the same requests.

    Nobody works while they are made: a job that runs just then shows that it is being deleted before it is gone, and
    whether it runs would depend on who is faster.
    """
    with served(tmp_path_factory.mktemp("requests"), randomness=SeededRandomness("face"), quota_days=0) as server:
        for resource_type in RESOURCE_TYPES:
            made = server.client.post(f"/v1/Exports/{resource_type}/Jobs", data=DAYS, auth=server.account)
            assert made.status_code == 201
        while server.service.worker.tick():
            pass
        told(server.service.database, a_notice(AccountSid(server.account[0])))
        yield server


@pytest.fixture
def requests(server: Server, tmp_path: Path) -> Callable[[int], Run]:
    """Make requests: so many for each operation in each phase, the same ones every time."""

    def make(cases: int) -> Run:
        configuration, report = tmp_path / "schemathesis.toml", tmp_path / "report.json"
        configuration.write_text(_configuration(server, chains=8 * cases))
        command = [
            *(str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(configuration), "run"),
            *(f"{server.url}/openapi.json", "--url", server.url),
            *("--checks", "all", "--exclude-checks", ",".join(LEFT_OUT)),
            *("--seed", "1", "--max-examples", str(cases), "--generation-database", "none", "--no-color"),
            *("--continue-on-failure", "--report", "json", "--report-json-path", str(report)),
        ]
        variables = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
        done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
        assert report.exists(), done.stdout + done.stderr
        return Run(done.returncode, done.stdout + done.stderr, json.loads(report.read_text()))

    return make


@pytest.mark.parametrize(
    ("cases", "least"),
    [
        (8, 800),
        pytest.param(120, 3_000, marks=[pytest.mark.slow, pytest.mark.timeout(1_800)]),
    ],
)
def test_no_request_made_from_the_document_is_answered_in_another_way(
    requests: Callable[[int], Run], record_property: Callable[[str, object], None], *, cases: int, least: int
) -> None:
    """Statuses, types, headers, bodies, credentials, methods, what is gone after it was deleted: all as it says."""
    run = requests(cases)
    record_property("schemathesis", f"{run.cases} cases over {run.tested} operations, {run.links} links followed")
    assert run.code == 0, run.output
    assert {name: phase["status"] for name, phase in run.report["phases"].items()} == dict.fromkeys(
        ("examples", "coverage", "fuzzing", "stateful"), "success"
    )
    assert run.tested == len(OPERATIONS) - 1  # the one that is left is how it got the document
    assert {(name, where) for name, found in run.report["warnings"].items() for where in found} <= WARNED
    assert run.links >= LINKS / 2  # all of them are followed in test_promises.py; which ones here is left to chance
    assert run.cases >= least


def _configuration(server: Server, *, chains: int) -> str:
    """The credentials of each sender, by the names that the document has for them."""
    schemes = {"accountSid_authToken": server.account, "operatorKey": server.operator}
    logins = (
        f'{name} = {{ username = "{username}", password = "{password}" }}'
        for name, (username, password) in schemes.items()
    )
    return "\n".join(
        (f'hooks = "{HOOKS}"', "[auth.openapi]", *logins, "[phases.stateful.generation]", f"max-examples = {chains}")
    )
