"""Twilio's nine operations through each of its clients: the cells of the table in docs/compat.md."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping

import httpx2
import pytest

from tests.compat.client import Refused
from tests.compat.conftest import Customer
from tests.compat.driven import Driven
from tests.compat.installed import each_client
from tests.support.face import Face

NOVEMBER = {"start_day": "2026-11-01", "end_day": "2026-11-02", "friendly_name": "a job & more: 50%"}


def fetch_export(customer: Customer, face: Face) -> None:
    """The entry to everything else."""
    export = customer("fetch_export", "Calls")
    assert export["resource_type"] == "Calls"
    assert export["url"] == f"{customer.base}/v1/Exports/Calls"
    assert export["links"]["days"] == f"{customer.base}/v1/Exports/Calls/Days"


def fetch_configuration(customer: Customer, face: Face) -> None:
    """It is there before anybody set anything; unset texts are empty and not null."""
    assert customer("fetch_configuration", "Calls") == {
        "url": f"{customer.base}/v1/Exports/Calls/Configuration",
        "enabled": False,
        "webhook_url": "",
        "webhook_method": "",
        "resource_type": "Calls",
    }


def update_configuration(customer: Customer, face: Face) -> None:
    """A field that is given changes, one that is not stays, in the answer and from then on."""
    webhook = {"webhook_url": "https://example.com/hook?a=1&b=%20", "webhook_method": "GET"}
    first = customer("update_configuration", "Calls", enabled=True, **webhook)
    assert {name: first[name] for name in ("enabled", *webhook)} == {"enabled": True, **webhook}
    second = customer("update_configuration", "Calls", enabled=False)
    assert second == first | {"enabled": False} == customer("fetch_configuration", "Calls")


def list_days(customer: Customer, face: Face) -> None:
    """All pages, with the members that users read."""
    sealed = face.seal(customer.login, "2026-09-01", b'{"a":1}\n')
    face.publish(customer.login, "2026-09-01", "2026-10-30", name="autumn")
    days = customer("list_days", "Messages")
    assert [day["day"] for day in days] == [f"2026-09-{n:02}" for n in range(1, 31)] + [
        f"2026-10-{n:02}" for n in range(1, 31)
    ]
    assert (days[0]["size"], days[1]["size"]) == (sealed.size_bytes, 20)
    assert {(day["friendly_name"], day["create_date"], day["resource_type"]) for day in days} == {
        ("autumn", "2026-11-23", "Messages")
    }


def fetch_day(customer: Customer, face: Face) -> None:
    """The address of the file, or the file itself where redirects are followed."""
    face.seal(customer.login, "2026-11-01", b'{"a":1}\n')
    face.publish(customer.login, "2026-11-01")
    found = customer("fetch_day", "Messages", "2026-11-01")
    if isinstance(found, bytes):
        assert gzip.decompress(found) == b'{"a":1}\n'
    else:
        assert found["redirect_to"].startswith(f"{customer.base}/v1/Downloads/")
        address = face.url + found["redirect_to"].removeprefix(customer.base)
        assert gzip.decompress(httpx2.get(address).content) == b'{"a":1}\n'


def list_jobs(customer: Customer, face: Face) -> None:
    """Newest first, with how far each is."""
    names = [f"job {number}" for number in range(3)]
    for name in names:
        face.publish(customer.login, "2026-11-01", name=name)
    jobs = customer("list_jobs", "Messages", page_size=2)
    assert [job["friendly_name"] for job in jobs] == names[::-1]
    assert jobs[0]["details"] == [{"status": "CompletedEmptyRecords", "count": 1, "days": ["2026-11-01"]}]


def create_job(customer: Customer, face: Face) -> None:
    """With everything that can be given, and only what must be."""
    rest = {"webhook_url": "https://example.com/hook?a=1&b=2", "webhook_method": "POST", "email": "a+b@example.com"}
    full, least = customer("create_job", "Messages", **NOVEMBER, **rest), customer("create_job", "Messages", **NOVEMBER)
    assert {name: full[name] for name in (NOVEMBER | rest)} == NOVEMBER | rest
    assert least["webhook_url"] is least["webhook_method"] is least["email"] is None
    assert full["details"] is least["details"] is None
    assert int(full["job_queue_position"]) < int(least["job_queue_position"])
    assert len(least["estimated_completion_time"]) == len("2026-11-23T12:00:00.000")
    face.work()


def fetch_job(customer: Customer, face: Face) -> None:
    """Before and after."""
    sid = customer("create_job", "Messages", **NOVEMBER)["job_sid"]
    waiting = customer("fetch_job", sid)
    assert waiting["details"] == [{"status": "Submitted", "count": 2, "days": ["2026-11-01", "2026-11-02"]}]
    assert (waiting["job_sid"], waiting["resource_type"]) == (sid, "Messages")
    assert waiting["url"] == f"{customer.base}/v1/Exports/Jobs/{sid}"
    face.work()
    over = customer("fetch_job", sid)
    assert over["details"] == [{"status": "CompletedEmptyRecords", "count": 2, "days": ["2026-11-01", "2026-11-02"]}]
    assert over["job_queue_position"] is over["estimated_completion_time"] is None


def delete_job(customer: Customer, face: Face) -> None:
    """It says that it is done, and it is."""
    sid = customer("create_job", "Messages", **NOVEMBER)["job_sid"]
    assert customer("delete_job", sid) is True
    with pytest.raises(Refused) as gone:
        customer("fetch_job", sid)
    assert gone.value.code == 20404


OPERATIONS: Mapping[str, Callable[[Customer, Face], None]] = {
    "FetchExport": fetch_export,
    "FetchExportConfiguration": fetch_configuration,
    "UpdateExportConfiguration": update_configuration,
    "ListDay": list_days,
    "FetchDay": fetch_day,
    "ListExportCustomJob": list_jobs,
    "CreateExportCustomJob": create_job,
    "FetchJob": fetch_job,
    "DeleteJob": delete_job,
}

DEFECTS: Mapping[tuple[str, str], int] = {("FetchDay", "twilio-node 6.2.0"): 56}
"""Cells that fail because of the client itself, with the number of the entry that tells about it."""

QUICK = ("ListDay", "FetchDay")
"""With the command line the other operations are slow: each call takes seconds, and most cells are several calls."""


CELLS = [
    pytest.param(operation, *client.values, marks=client.marks)
    for operation in OPERATIONS
    for client in each_client(quick=operation not in QUICK)
    if (operation, *client.values) not in DEFECTS
]


@pytest.mark.parametrize(("operation", "client_name"), CELLS)
def test_an_operation_works_with_a_client(operation: str, customer: Customer, face: Face) -> None:
    """Customers change the base URL and nothing else."""
    OPERATIONS[operation](customer, face)


@pytest.mark.compat(56)
@pytest.mark.parametrize("client_name", ["twilio-node 6.2.0"])
def test_newer_node_libraries_give_a_day_as_it_came(customer: Customer, face: Face) -> None:
    """Once this fails the defect is mended, and the cell works like all others."""
    face.publish(customer.login, "2026-11-01")
    with pytest.raises(KeyError, match="redirect_to"):
        fetch_day(customer, face)
    assert isinstance(customer.client, Driven)
    shown = customer.client.show(customer.place, customer.login, "fetch_day", "Messages", "2026-11-01")
    assert list(shown) == ["redirect_to"]


@pytest.mark.parametrize("client_name", each_client())
def test_a_client_is_the_version_that_the_table_says(customer: Customer, client_name: str) -> None:
    """The versions that are tested are those that are claimed; curl may be any."""
    name, _, version = client_name.partition(" ")
    assert name == "curl" or customer.client.version() == version
