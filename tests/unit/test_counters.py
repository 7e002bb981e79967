"""Counters: what a process has done, added up over those that answer together."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
counters.write_answers()
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


@given(st.lists(st.tuples(st.sampled_from(["GET", "PUT", "BREW"]), st.sampled_from([200, None]), st.floats(0, 100))))
def test_requests_count_alike_whether_they_are_written_together_or_one_by_one(
    requests: list[tuple[str, int | None, float]],
) -> None:
    """They are written together under load, and every place of the distribution of times must get its own."""
    together, one_by_one = Counters(), Counters()
    for counters in (together, one_by_one):
        for method, status, seconds in requests:
            counters.answered(method=method, route="/healthz", status=status, seconds=seconds)
            if counters is one_by_one:
                counters.write_answers()
    assert counts_of(together) == pytest.approx(counts_of(one_by_one))
    assert sum(count for name, count in counts_of(together).items() if "requests_total" in name) == len(requests)


def counts_of(counters: Counters) -> dict[str, float]:
    """Return the counts, by name and labels."""
    return {
        f"{sample.name} {sorted(sample.labels.items())}": sample.value
        for metric in counters.collect()
        for sample in metric.samples
    }


def test_the_first_request_that_waits_to_be_counted_says_so() -> None:
    """The caller has the counts written soon after it: none may wait for ever, nor need each a timer of its own."""
    counters = Counters()
    for _ in range(2):
        said = [counters.answered(method="GET", route="/", status=200, seconds=0.1) for _ in range(3)]
        assert said == [True, False, False]
        counters.write_answers()


def test_no_count_is_lost_or_doubled_when_threads_write_what_waits() -> None:
    """The event loop writes after some milliseconds, and a thread that is asked for metrics does at once."""
    counters = Counters()

    def count() -> None:
        for _ in range(2000):
            counters.answered(method="GET", route="/healthz", status=200, seconds=0.1)
            counters.write_answers()

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    scraped = Scraped(counters.collect())
    assert scraped.value("requests_total", method="GET", route="/healthz", status="200") == 6000
    assert scraped.value("request_seconds_count", method="GET", route="/healthz") == 6000


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
