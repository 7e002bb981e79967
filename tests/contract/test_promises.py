"""Every status that the document promises can be had, every link leads somewhere, every address has all its forms.

The other way round, that nothing else is answered, is checked wherever a test asks the API anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from dayfile.accounts.remembered import REMEMBERED_FOR_SECONDS
from dayfile.api.app import OPERATIONS
from dayfile.api.failed_logins import Crowded, FailedLogins
from dayfile.api.openapi.operation import ACCOUNTS, Operation
from dayfile.errors import DatabaseUnavailable, TooManyRequests
from dayfile.files.links import Link
from dayfile.intake.group_commit import BatchQueue
from dayfile.model.account import AccountSid
from dayfile.model.credential import Scope as KeyScope
from dayfile.model.day import Day
from dayfile.model.job import JobSid
from dayfile.model.resource import MESSAGES
from dayfile.store.database import Database
from dayfile.web.concurrency import Concurrency
from tests.support import documented
from tests.support.clock import FakeClock
from tests.support.intake_server import MAX_BODY_BYTES, Server, served
from tests.support.lanes import claimed, concluded
from tests.support.notices import a_notice, told

DAY = "2026-11-01"
JOB = {"StartDay": DAY, "EndDay": "2026-11-02", "FriendlyName": "november"}
BY_NAME = {operation.name: operation for operation in OPERATIONS}
PROMISED = [
    (operation.name, status) for operation in OPERATIONS for status in (*operation.answers, *operation.failures)
]
NOTHING = {
    "ResourceType": "Faxes",
    "Code": "1",
    "Link": "forged",
    "JobSid": "JS" + "0" * 32,
    "EventSid": "EV" + "0" * 32,
    "AccountSid": "AC" + "0" * 32,
}
"""Values of variables under which there is nothing."""

FORM_OF_64_KIB = {"FriendlyName": "x" * 70_000}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request that gets what it asks for, to be spoiled."""

    operation: Operation
    values: Mapping[str, str]  # of the variables in the address
    given: Mapping[str, Any] = field(default_factory=dict)  # as the HTTP client takes it
    query: str = ""

    def send(self, server: Server, *, method: str = "", **changes: Any) -> httpx2.Response:
        """Send it, changed: what the HTTP client takes, and `values`, `query`."""
        values = {**self.values, **changes.pop("values", {})}
        path = re.sub(r"\{(\w+)\}", lambda variable: values[variable[1]], self.operation.path)
        url = server.url + path + changes.pop("end", "") + changes.pop("query", self.query)
        answer = httpx2.request(method or self.operation.method.upper(), url, **{**self.given, **changes})
        documented.check(answer)
        return answer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a published day of one record."""
    with served(tmp_path_factory.mktemp("promises"), quota_days=0) as server:
        assert server.post(a_line(server)).status_code == 200
        a_job(server)
        while server.service.worker.tick():
            pass
        yield server


def a_line(server: Server) -> bytes:
    """A record of the account."""
    moments = {"date_created": f"{DAY}T10:00:00Z", "date_updated": f"{DAY}T10:00:00Z"}
    return json.dumps({"sid": "SM" + "0" * 32, "account_sid": server.account[0], **moments}).encode()


def a_job(server: Server) -> JobSid:
    """A job of the account."""
    answer = server.client.post("/v1/Exports/Messages/Jobs", data=JOB, auth=server.account)
    return JobSid(answer.json()["job_sid"])


def an_event(server: Server, *, has_ended: bool) -> str:
    """A notice of the account, delivered or still pending; its sid."""
    database, account = server.service.database, AccountSid(server.account[0])
    new = a_notice(account, server.service.randomness.hex(8))
    told(database, new)
    while has_ended and (turn := claimed(database, account)):
        concluded(database, turn)
    return new.sid


def good(server: Server, name: str) -> Asked:
    """A request for an operation that succeeds."""
    operation = BY_NAME[name]
    if operation.tag is ACCOUNTS:
        return good_of_accounts(server, operation)
    values, given, query = {"ResourceType": "Messages", "Day": DAY, "Code": "20404"}, dict[str, Any](), ""
    if operation.who:
        given["auth"] = server.operator if name == "AcceptRecords" else server.account
    if "{JobSid}" in operation.path:
        values["JobSid"] = a_job(server)
    if "{EventSid}" in operation.path:
        values["EventSid"] = an_event(server, has_ended=True)
    if name == "ListNotice":
        an_event(server, has_ended=False)
    if name == "Download":
        location = server.client.get(f"/v1/Exports/Messages/Days/{DAY}", auth=server.account).headers["location"]
        values["Link"], _, query = location.partition("/v1/Downloads/")[2].partition("?")
    forms = {"CreateExportCustomJob": {"data": JOB}, "UpdateExportConfiguration": {"data": {"Enabled": "true"}}}
    bodies = forms | {"AcceptRecords": {"content": a_line(server)}}
    return Asked(operation=operation, values=values, given=given | bodies.get(name, {}), query=query and f"?{query}")


def good_of_accounts(server: Server, operation: Operation) -> Asked:
    """The same for what the operator's platform asks: about an account that no other test knows."""
    administration = server.service.administration
    sid, scope = AccountSid(server.new_account()), KeyScope.ACCOUNTS
    operator, key = administration.create_key(account=None, scopes=[scope]), administration.create_key(account=sid)
    given: dict[str, Any] = {"auth": (operator.key.sid, operator.secret)}
    if operation.body:
        given |= {"content": b"{}", "headers": {"Content-Type": "application/json"}}
    return Asked(operation=operation, values={"AccountSid": sid, "KeySid": key.key.sid}, given=given)


def spoiling_accounts(server: Server, asked: Asked, status: int) -> Mapping[str, Any]:
    """Return changes of such a request that earn it the status."""
    name, administration, sid = asked.operation.name, server.service.administration, asked.values["AccountSid"]
    if status == 409 and name == "CloseAccount":
        administration.create_account(parent=AccountSid(sid))
    elif status == 409:
        administration.close(AccountSid(sid))
    if status == 201 and name == "PutAccount":
        return {"values": {"AccountSid": "AC" + server.service.randomness.hex(32)}}
    bad = {"content": b"["} if asked.operation.body else {"query": "?PageSize=0"}
    changes: Mapping[int, Mapping[str, Any]] = {
        400: {"values": {"AccountSid": "%zz"}} if "{" in asked.operation.path else bad,
        403: {"auth": server.operator},  # a key that may send records
        413: {"content": b" " * 70_000},
        429: {"auth": (server.operator[0], "wrong")},
    }
    return changes.get(status, {})


def link_to_nothing(server: Server) -> str:
    """A link that was signed here, to a file that is not there any more."""
    now = server.service.clock.now()
    link = Link(
        account=AccountSid(server.account[0]),
        resource_type=MESSAGES,
        day=Day.parse(DAY),
        created_at=now,
        sealed_day_id=999_999,
        file_hash="0" * 32,
        expires_at=now + timedelta(hours=1),
    )
    return server.service.context.links.sign(link)


def spoiled(server: Server, asked: Asked, status: int) -> httpx2.Response:
    """The answer to a request that is spoiled so that it gets a status; some need more than the request."""
    name, variables = asked.operation.name, re.findall(r"\{(\w+)\}", asked.operation.path)
    if asked.operation.tag is ACCOUNTS and status in {201, 400, 403, 409, 413, 429}:
        return asked.send(server, **spoiling_accounts(server, asked, status))
    if status == 304:
        return asked.send(server, headers={"If-None-Match": asked.send(server).headers["etag"]})
    if status == 404 and name == "Download":
        path, _, query = link_to_nothing(server).partition("?")
        return asked.send(server, values={"Link": path}, query=f"?{query}")
    if status == 409 and name == "CreateAttempt":
        return asked.send(server, values={"EventSid": an_event(server, has_ended=False)})
    if status == 409:
        key = {"Idempotency-Key": "used-before"}
        asked.send(server, headers=key)
        return asked.send(server, headers=key, content=b"[]")
    not_theirs = server.account if name == "AcceptRecords" else server.operator
    too_large = {"content": b" " * (MAX_BODY_BYTES + 1)} if name == "AcceptRecords" else {"data": FORM_OF_64_KIB}
    changes: Mapping[int, Mapping[str, Any]] = {
        206: {"headers": {"Range": "bytes=1-2"}},
        400: {"values": {variables[0]: "%zz"}} if variables else {"query": "?PageSize=0"},
        401: {"auth": None},
        403: {"values": NOTHING} if name == "Download" else {"auth": not_theirs},
        404: {"values": {variables[0]: NOTHING[variables[0]]}} if variables else {},
        413: too_large,
        416: {"headers": {"Range": "bytes=999999-"}},
    }
    return asked.send(server, **changes.get(status, {}))


@pytest.mark.compat(19)
@pytest.mark.parametrize(("name", "status"), PROMISED, ids=str)
def test_every_status_that_is_promised_can_be_had(
    server: Server, monkeypatch: pytest.MonkeyPatch, *, name: str, status: int
) -> None:
    """A promise that nothing keeps is noise to whoever writes a client: they handle what never comes."""
    asked = good(server, name)
    failures = {500: KeyError("a bug"), 503: DatabaseUnavailable("the state database does not answer")}
    clock = server.service.clock
    assert isinstance(clock, FakeClock)
    clock.pass_by(timedelta(seconds=REMEMBERED_FOR_SECONDS + 1))  # readers, and what was found ready, are remembered
    if status in failures:

        def fail(self: Database) -> None:
            raise failures[status]

        monkeypatch.setattr(Database, "snapshot", fail)
    if status == 429:
        monkeypatch.setattr(BatchQueue, "check_room", _enter_in_vain)
        monkeypatch.setattr(Concurrency, "enter", _enter_in_vain)
        monkeypatch.setattr(FailedLogins, "_hold_back", _wait_in_vain)
    assert spoiled(server, asked, status).status_code == status


def _enter_in_vain(*_: object) -> None:
    raise TooManyRequests("as many as may be are being worked on", retry_after=1)


async def _wait_in_vain(*_: object) -> None:
    raise Crowded(TooManyRequests("too many wait", retry_after=1))


def links() -> Iterator[tuple[str, str, str]]:
    """Every link of the document: from which operation, at which status, and its name."""
    for operation in OPERATIONS:
        for status, response in operation.answers.items():
            for name in response.links:
                yield operation.name, str(status), name


@pytest.mark.parametrize(("source", "status", "name"), list(links()))
def test_every_link_leads_somewhere(server: Server, source: str, status: str, name: str) -> None:
    """A program that follows it gets there with what the answer says, and nothing else."""
    asked = good(server, source)
    answer = asked.send(server)
    assert str(answer.status_code) == status
    link = asked.operation.answers[answer.status_code].links[name]
    values = {variable: _evaluated(told, asked, answer) for variable, told in link["parameters"].items()}
    if link["operationId"] == "CreateAttempt":
        an_event(server, has_ended=True)  # and with it whatever is pending: only what has ended is told again
    target = Asked(operation=BY_NAME[link["operationId"]], values=values, given={"auth": asked.given["auth"]})
    found = target.send(server).status_code
    assert found == 404 if (source, name) == ("DeleteJob", "FetchJob") else found in target.operation.answers


def _evaluated(told: str, asked: Asked, answer: httpx2.Response) -> str:
    if told.startswith("$request.path."):
        return asked.values[told.removeprefix("$request.path.")]
    found = answer.json()
    for step in told.removeprefix("$response.body#/").split("/"):
        found = found[int(step) if step.isdecimal() else step]
    return str(found)


@pytest.mark.compat(19, 66)
@pytest.mark.parametrize("path", sorted({operation.path for operation in OPERATIONS}))
def test_an_address_names_its_methods_and_refuses_all_others(server: Server, path: str) -> None:
    """OPTIONS without credentials, and 405 to the rest: both name the same methods, which are those of the document."""
    here = {operation.method.upper(): operation for operation in OPERATIONS if operation.path == path}
    asked = good(server, next(iter(here.values())).name)
    methods = {*here, "OPTIONS", *(["HEAD"] if "GET" in here else [])}
    options = asked.send(server, method="OPTIONS", auth=None)
    assert (options.status_code, options.content) == (204, b"")
    assert set(options.headers["allow"].split(", ")) == methods
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - methods:
        refused = asked.send(server, method=method)
        assert refused.status_code == 405
        assert set(refused.headers["allow"].split(", ")) == methods
        if method != "HEAD":
            assert (refused.json()["code"], refused.json()["status"]) == (20004, 405)


@pytest.mark.compat(66)
@pytest.mark.parametrize("name", [operation.name for operation in OPERATIONS if operation.method == "get"])
def test_wherever_there_is_get_there_is_head(server: Server, name: str) -> None:
    """The same answer without its body; its length is told."""
    asked = good(server, name)
    whole, head = asked.send(server), asked.send(server, method="HEAD")
    assert (head.status_code, head.content) == (whole.status_code, b"")
    assert head.headers["content-length"] == str(len(whole.content))
    assert head.headers.get("content-type") == whole.headers.get("content-type")


@pytest.mark.compat(3)
@pytest.mark.parametrize("name", [operation.name for operation in OPERATIONS if operation.path.startswith("/v1/")])
def test_a_slash_at_the_end_changes_nothing(server: Server, name: str) -> None:
    """Clients that put one there put it everywhere."""
    assert good(server, name).send(server, end="/").status_code in BY_NAME[name].answers
