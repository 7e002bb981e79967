"""Counters: what a process has done, added up over those that answer together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from dayfile.counters import Counters, CountersOfOthers
from dayfile.errors import Corrupt, DatabaseUnwritable, StorageUnavailable
from dayfile.model.resource import CALLS, MESSAGES
from tests.support.scraped import Scraped

COUNTING = """
import sys
from pathlib import Path
from dayfile.counters import Counters
from dayfile.model.resource import MESSAGES

counters = Counters(folder=Path(sys.argv[1]), member=sys.argv[2])
counters.took(MESSAGES, accepted=int(sys.argv[3]), rejected=0)
counters.answered(method="GET", route="/healthz", status=200, seconds=0.01)
"""


def test_what_may_happen_begins_at_zero() -> None:
    """A counter that appears with its first event has no rate, and the first event is the one to be told of."""
    scraped = Scraped(Counters().collect())
    assert scraped.value("records_accepted_total", resource_type="Calls") == 0
    assert scraped.value("claims_lost_total", of="seal") == 0
    assert scraped.value("errors_total", cause="storage") == 0
    assert scraped.value("failed_logins_total") == 0


def test_failures_go_by_what_was_away() -> None:
    """An operator looks at the database, at the storage, or into the log."""
    counters = Counters()
    for error in (DatabaseUnwritable("full"), StorageUnavailable("away"), Corrupt("wrong"), KeyError("a bug")):
        counters.failed(error)
    scraped = Scraped(counters.collect())
    assert [scraped.value("errors_total", cause=cause) for cause in ("database", "storage", "other")] == [1, 1, 2]


def test_strangers_make_no_series() -> None:
    """A method is whatever a client sends; each one would stay in memory for ever, here and in Prometheus."""
    counters = Counters()
    for method in ("GET", "BREW", "PROPFIND"):
        counters.answered(method=method, route="/healthz", status=405, seconds=0.1)
    scraped = Scraped(counters.collect())
    assert scraped.value("requests_total", method="other", route="/healthz", status="405") == 2


def test_counts_of_two_instances_in_one_process_are_apart() -> None:
    """Tests and a demo have several instances in one process."""
    one, other = Counters(), Counters()
    one.sealed(CALLS, lines=7, seconds=2.0)
    assert Scraped(one.collect()).value("sealed_lines_total", resource_type="Calls") == 7
    assert Scraped(other.collect()).value("sealed_lines_total", resource_type="Calls") == 0


def test_processes_that_share_a_folder_are_added_up_and_their_successors_go_on(tmp_path: Path) -> None:
    """Whichever of them is asked gives the same; a count that fell when one was killed would look like a restart."""
    for member, accepted in (("http-0", 5), ("http-1", 20), ("http-0", 100)):  # the last in the place of the first
        command = [sys.executable, "-c", COUNTING, str(tmp_path), member, str(accepted)]
        subprocess.run(command, check=True)
    scraped = Scraped(CountersOfOthers(tmp_path).collect())
    assert scraped.value("records_accepted_total", resource_type=MESSAGES.name) == 125
    assert scraped.value("requests_total", method="GET", route="/healthz", status="200") == 3
    assert scraped.value("request_seconds_count", method="GET", route="/healthz") == 3
    assert len(list(tmp_path.iterdir())) == 4  # two for each place, however often its process was started
