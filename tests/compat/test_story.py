"""The story of every customer through each of Twilio's clients: from records that were sent to lines that are read.

A real `dayfile serve` with its worker, in processes of their own; nothing here moves its clock or does its work.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from dayfile.model.account import AccountSid
from dayfile.model.resource import MESSAGES
from tests.compat.client import TWILIO, ApiClient, Place
from tests.compat.conftest import Customer
from tests.compat.driven import Driven
from tests.compat.installed import CLIENTS, each_client
from tests.e2e.cli_instance import Instance, serving
from tests.support.face import Login
from tests.support.front import in_front_of
from tests.support.records import Sent, body_of
from tests.support.state import a_sid

UNFINISHED = {"Submitted", "Running", "ErrorDuringRun"}
FIRST, SECOND = "2026-10-01", "2026-10-02"


@dataclass(frozen=True, kw_only=True)
class Service:
    """An instance that is served under its own address and under Twilio's, and an account whose records it has."""

    url: str
    front: Place
    account: Login


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One for all tests of this file: a command to make an account takes as long as a test."""
    folder = tmp_path_factory.mktemp("service")
    instance, twin = Instance(folder), Instance(folder, {"DAYFILE_PUBLIC_URL": TWILIO})
    with ExitStack() as stack:
        server = stack.enter_context(serving(instance))
        at_twilios = stack.enter_context(serving(twin, "--no-worker"))
        host = str(urlsplit(TWILIO).hostname)
        front = stack.enter_context(in_front_of(at_twilios.url, host=host, folder=folder))
        made, key = instance.json("accounts", "create"), instance.json("keys", "create", "--operator")
        sid = AccountSid(made["account_sid"])
        answer = httpx2.post(
            f"{server.url}/v1/Records/Messages", content=_records(sid), auth=(key["sid"], key["secret"])
        )
        assert answer.json()["accepted"] == 3, answer.text
        yield Service(
            url=server.url,
            front=Place(url=None, environment=front.environment),
            account=Login(sid=sid, username=sid, password=made["auth_token"]),
        )


def _records(sid: AccountSid) -> bytes:
    """As a platform sends them: out of order, one of them in two versions of which the newer comes first."""
    late = Sent(account=sid, name="late", created=f"{FIRST}T23:59:59Z", updated=f"{FIRST}T23:59:59Z")
    early = Sent(account=sid, name="early", created=f"{FIRST}T00:00:00Z", updated=f"{SECOND}T09:00:00Z", body="new")
    return body_of([late, early, replace(early, updated=f"{FIRST}T00:00:01Z", body="old")])


@pytest.fixture
def customer(client_name: str, service: Service, ready_client: Callable[[str], ApiClient]) -> Customer:
    """The account's owner with the client that the test is about."""
    here = CLIENTS[client_name].takes_base_url
    return Customer(
        client=ready_client(client_name),
        place=Place(url=service.url, environment={}) if here else service.front,
        login=service.account,
        base=service.url if here else TWILIO,
    )


def download(customer: Customer, service: Service, day: str) -> bytes:
    """The file of a day, by the link that the client gives, or as it gives it."""
    given = customer("fetch_day", "Messages", day)
    if isinstance(given, bytes):
        return given
    if not given:  # as entry 56 has it
        assert isinstance(customer.client, Driven)
        given = customer.client.show(customer.place, customer.login, "fetch_day", "Messages", day)
    # The link is the credential. Twilio's host is not in anybody's DNS here.
    return httpx2.get(service.url + given["redirect_to"].removeprefix(customer.base)).content


@pytest.mark.compat(51, 52, 53)
@pytest.mark.parametrize("client_name", each_client())
def test_what_was_sent_is_read(customer: Customer, service: Service) -> None:
    """Create a job, poll until it is over, list its days, fetch, download, unpack and parse them."""
    range_of_days = {"start_day": FIRST, "end_day": SECOND, "friendly_name": "two days"}
    sid = customer("create_job", "Messages", **range_of_days)["job_sid"]
    job = customer("fetch_job", sid)
    while {group["status"] for group in job["details"]} & UNFINISHED:
        job = customer("fetch_job", sid)
    assert [(group["status"], group["days"]) for group in job["details"]] == [
        ("Completed", [FIRST]),
        ("CompletedEmptyRecords", [SECOND]),
    ]
    # In the order in which they were made: a day without records need not wait for its seal.
    assert {day["day"] for day in customer("list_days", "Messages")} == {FIRST, SECOND}
    text = gzip.decompress(download(customer, service, FIRST))
    lines: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    # Both are of the day on which they were created, in that order, in the newest version, with every field.
    assert [(line["sid"], line["body"]) for line in lines] == [
        (a_sid("SM", "early"), "new"),
        (a_sid("SM", "late"), "hello"),
    ]
    assert {field.name for field in MESSAGES.fields} < set(lines[0]) == set(lines[1])
    assert gzip.decompress(download(customer, service, SECOND)) == b""
