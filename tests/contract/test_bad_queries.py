"""Bad input in queries: each parameter of each list, in every way in which it can be wrong."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from dayfile.api.app import OPERATIONS
from tests.support.documented import READING
from tests.support.intake_server import Server, served
from tests.support.refusal import ask, nothing_changes

DAY = "2026-11-01"
JOBS, DAYS = "/v1/Exports/Messages/Jobs", "/v1/Exports/Messages/Days"
LISTS = (DAYS, JOBS, "/v1/Notices")
QUERIES = {
    "PageSize": (
        *("0", "00", "-1", "1.5", "1e3", "0x10", "", "+5", "%205", "5%20", "five", "%D9%A5", "1,000", "%EF%BC%95"),
        "NaN",
    ),
    "Page": ("-1", "1.5", "", "+1", "one", "%D9%A1", "2147483648", "9" * 5000, "0x1", "1%0a"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One instance: nothing here may change it."""
    with served(tmp_path_factory.mktemp("bad")) as server:
        yield server


@pytest.mark.compat(23)
@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in QUERIES.items() for value in values],
    ids=lambda text: text[:12],
)
@pytest.mark.parametrize("path", LISTS)
def test_a_number_that_is_none_is_named_with_its_rule(server: Server, path: str, name: str, value: str) -> None:
    """Taking it for another one would give a list that nobody asked for."""
    with nothing_changes(server):
        answer = ask(server, "GET", f"{path}?{name}={value}")
    assert (answer.status, answer.code) == (400, 20001)
    assert answer.message.startswith(f"{name} must be a whole number from ")
    assert "; got '" in answer.message
    assert len(answer.message) < 300


@pytest.mark.parametrize("name", ["PageSize", "Page", "PageToken"])
@pytest.mark.parametrize(
    ("values", "says"),
    [
        (("%zz",), "must be percent-encoded"),
        (("%ff",), "must be UTF-8 where it is percent-encoded; got '%ff'"),
        (("1%00",), "must not contain the character NUL; got '1\\x00'"),
        (("1%00", "1"), "must not contain the character NUL; got '1\\x00'"),
    ],
)
@pytest.mark.parametrize("path", LISTS)
def test_a_query_that_cannot_be_read_names_the_parameter(
    server: Server, path: str, name: str, *, values: tuple[str, ...], says: str
) -> None:
    """Broken, not UTF-8, NUL: the same words for each, also where another one counts."""
    with nothing_changes(server):
        answer = ask(server, "GET", f"{path}?{'&'.join(f'{name}={value}' for value in values)}")
    assert (answer.status, answer.code) == (400, 20001)
    assert f"{name} {says}" in answer.message


def a_token(server: Server, path: str) -> str:
    """The token of the second page of a list with at least two items."""
    url = server.client.get(f"{path}?PageSize=1", auth=server.account).json()["meta"]["next_page_url"]
    return str(url).partition("PageToken=")[2]


@pytest.mark.compat(25)
def test_a_token_is_good_for_the_list_that_gave_it_only(server: Server) -> None:
    """Of another list or another account it would show a place in something else."""
    for number in range(2):
        form = {"StartDay": DAY, "EndDay": DAY, "FriendlyName": str(number)}
        assert server.client.post(JOBS, data=form, auth=server.account).status_code == 201
    good = a_token(server, JOBS)
    assert server.client.get(f"{JOBS}?PageSize=1&PageToken={good}", auth=server.account).status_code == 200
    other = (good[:-1] + ("A" if good[-1] != "A" else "B"), good.lower(), good + "=", good[2:], "PT", quote("PT" + "ü"))
    with nothing_changes(server):
        for path, token in [*((JOBS, token) for token in other), (DAYS, good), ("/v1/Exports/Calls/Jobs", good)]:
            answer = ask(server, "GET", f"{path}?PageToken={token}")
            assert (answer.status, answer.code) == (400, 21481), (path, token)
            assert answer.message.startswith("Invalid PageToken: take it from next_page_url")


@pytest.mark.compat(17)
def test_names_of_parameters_are_spelled_as_documented(server: Server) -> None:
    """In another case they are other parameters, which are left alone; also what PHP and Ruby would make lists of."""
    for query in ("pagesize=0", "PAGE=-1", "PageSize[]=0", "page_token=x", "PageSize%20=0", "=0", "&&", "a=b=c"):
        assert server.client.get(f"{DAYS}?{query}", auth=server.account).status_code == 200


def test_every_parameter_of_every_query_is_in_these_tables() -> None:
    """A new one gets its rows."""
    rows = [row for operation in OPERATIONS for row in READING.parameters({"parameters": operation.parameters})]
    assert {row.name for row in rows if row.note == "in the query"} == {
        *("PageSize", "Page", "PageToken"),
        *("SealedDay", "File", "Expires", "Signature"),  # of links, in tests/unit/files/test_links.py
        "verbose",  # of `/readyz`, in tests/e2e/test_readiness.py: any value is good
    }
