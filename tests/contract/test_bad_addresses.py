"""Bad input in addresses: each variable of each operation, in every way in which it can be wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dayfile.api.app import OPERATIONS
from dayfile.model.credential import Scope
from tests.support.documented import READING
from tests.support.intake_server import Server, served
from tests.support.refusal import ask, nothing_changes

DAY = "2026-11-01"
JOB_SID, EVENT_SID = "JS" + "0" * 32, "EV" + "0" * 32
JOBS, DAYS = "/v1/Exports/Messages/Jobs", "/v1/Exports/Messages/Days"
NO_ACCOUNT = (
    *("AC" + "0" * 32, "AC" + "F" * 32, "AC" + "0" * 31, "AC" + "0" * 33, "ac" + "0" * 32, "SK" + "0" * 32, "AC"),
    *("AC" + "g" * 32, "AC" + "0" * 32 + "%0a", "x" * 5000),
)
NO_KEY = ("SK" + "0" * 32, "theirs", "SK" + "0" * 31, "sk" + "0" * 32, "AC" + "0" * 32, "SK", "%20", "x" * 5000)
GOOD = {
    "ResourceType": "Messages",
    "Day": DAY,
    "JobSid": JOB_SID,
    "EventSid": EVENT_SID,
    "AccountSid": NO_ACCOUNT[0],
    "KeySid": NO_KEY[0],
    "Code": "20404",
    "Link": "x",
}
BODIES = {"post": b"StartDay=2026-11-01&EndDay=2026-11-01&FriendlyName=never"}

UNREADABLE = {
    "%zz": "must be percent-encoded",
    "%": "must be percent-encoded",
    "Messages%4": "must be percent-encoded",
    "%ff": "must be UTF-8",
    "%c0%ae%c0%ae": "must be UTF-8",  # two dots for those who decode too kindly
    "%ed%a0%80": "must be UTF-8",  # half of a surrogate pair
    "Messages%00": "must not contain the character NUL",
    "%00": "must not contain the character NUL",
}
"""Paths that are no text at all, with the rule that the refusal names."""

CLIMBING = ("..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%2fetc%2fpasswd", "..%5c..")
"""Ways out of a folder, if this were one."""

NO_RESOURCE_TYPE = (
    *("messages", "MESSAGES", "Message", "Jobs", "Faxes", "Messages%20", "%20Messages", "Messages%0a"),
    *("Messages,Calls", "Messages;v=1", "%EF%BC%ADessages", "*", "null", "x" * 5000),
)
NO_DAY = (
    *("2026-02-30", "2026-02-29", "2026-04-31", "2026-13-01", "2026-00-01", "2026-11-00", "0000-01-01", "20261101"),
    *("2026-11-1", "26-11-01", "2026-W45-1", "2026-305", "2026-11-01T00:00:00Z", "01-11-2026", "today"),
    *("2026-11-01%20", "%202026-11-01", "2026-11-01%0a", "-2026-11-01", "+2026-11-01", "2026-11-01Z", "1st"),
    *("%D9%A2%D9%A0%D9%A2%D9%A6-11-01", "2026%E2%88%9211%E2%88%9201", "1" * 5000),
)
NOT_EXPORTED = ("2009-12-31", "2026-10-31", "2026-11-22", "2026-11-23", "2099-01-01", "9999-12-31", "0001-01-01")
NO_JOB = (
    *(JOB_SID, "JS" + "F" * 32, "JS" + "0" * 31, "JS" + "0" * 33, "js" + "0" * 32, "Js" + "0" * 32, "SK" + "0" * 32),
    *("JS" + "g" * 32, "JS" + "0" * 32 + "%0a", "JS", "Days", "JS" + "%D9%A0" * 32, "x" * 5000),
)
NO_NOTICE = (EVENT_SID, "EV" + "F" * 32, "EV" + "0" * 31, "EV" + "0" * 33, "ev" + "0" * 32, JOB_SID, "EV", "x" * 5000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One instance: nothing here may change it."""
    with served(tmp_path_factory.mktemp("bad")) as server:
        yield server


@pytest.fixture(scope="module")
def office(server: Server) -> tuple[str, str]:
    """The login of an operator who manages accounts."""
    new = server.service.administration.create_key(account=None, scopes=[Scope.ACCOUNTS])
    return new.key.sid, new.secret


def addresses(variable: str) -> list[tuple[str, str]]:
    """Method and path of each operation that has the variable, all others filled in."""
    found = []
    for operation in OPERATIONS:
        if f"{{{variable}}}" in operation.path:
            path = operation.path
            for name in set(GOOD) - {variable}:
                path = path.replace(f"{{{name}}}", GOOD[name])
            found.append((operation.method, path))
    return found


def refused(server: Server, variable: str, value: str, *, status: int, code: int, says: str) -> None:
    """Every operation refuses a value of a variable, in the same way, and nothing comes of it."""
    with nothing_changes(server):
        for method, path in addresses(variable):
            answer = ask(server, method.upper(), path.replace(f"{{{variable}}}", value), body=BODIES.get(method))
            assert (answer.status, answer.code) == (status, code), (method, path, value, answer.body)
            assert says in answer.message, (method, path, answer.message)


@pytest.mark.compat(67)
@pytest.mark.parametrize(("value", "says"), list(UNREADABLE.items()))
@pytest.mark.parametrize("variable", list(GOOD))
def test_an_address_that_is_no_text_is_refused(server: Server, variable: str, value: str, says: str) -> None:
    """Before anything is looked up, and before anybody is asked who they are: no server could have meant it."""
    refused(server, variable, value, status=400, code=20001, says=f"The path {says}")


@pytest.mark.parametrize("value", CLIMBING)
@pytest.mark.parametrize("variable", ["ResourceType", "Day", "JobSid", "EventSid"])
def test_there_is_no_way_out_of_an_address(server: Server, variable: str, value: str) -> None:
    """A dot or a slash in a value makes another address, or a value that is none; never a path in a storage."""
    with nothing_changes(server):
        for method, path in addresses(variable):
            answer = ask(server, method.upper(), path.replace(f"{{{variable}}}", value), body=BODIES.get(method))
            assert (answer.status, answer.code) in {(404, 20404), (400, 20001)}, (method, path, answer.body)
            assert answer.status == 404 or answer.message.startswith("Day must be"), answer.message


@pytest.mark.compat(5)
@pytest.mark.parametrize("value", NO_RESOURCE_TYPE, ids=lambda value: value[:20])
def test_what_is_no_resource_type_is_not_found(server: Server, value: str) -> None:
    """Case and all: a client that spells it otherwise learns it now, and not from a file that stays empty."""
    refused(server, "ResourceType", value, status=404, code=20404, says="was not found")


@pytest.mark.compat(39)
@pytest.mark.parametrize("value", NO_DAY, ids=lambda value: value[:25])
def test_what_is_no_day_is_refused(server: Server, value: str) -> None:
    """One spelling of each day, and only days that the calendar has."""
    refused(server, "Day", value, status=400, code=20001, says="Day must be a ")


@pytest.mark.parametrize("value", NOT_EXPORTED)
def test_a_day_that_is_not_exported_is_not_found(server: Server, value: str) -> None:
    """However far away: it is a day, and there is no file of it."""
    refused(server, "Day", value, status=404, code=20404, says=f"no file of Messages for {value} is published")


@pytest.mark.parametrize("value", NO_JOB, ids=lambda value: value[:40])
def test_what_is_no_job_is_not_found(server: Server, value: str) -> None:
    """To fetch and to delete alike."""
    refused(server, "JobSid", value, status=404, code=20404, says="was not found: there is no job")


@pytest.mark.parametrize("value", NO_NOTICE, ids=lambda value: value[:40])
def test_what_is_no_notice_is_not_found(server: Server, value: str) -> None:
    """To fetch and to tell again alike."""
    refused(server, "EventSid", value, status=404, code=20404, says="was not found: there is no notice")


NEARLY = (
    *("/v1", "/v1/Exports", "/v1/Exports/", "/v1//Exports/Messages", "/V1/Exports/Messages", "/v1/exports/Messages"),
    *("/v2/Exports/Messages", "/2010-04-01/Exports/Messages", "/v1/Exports/Messages.xml", "/v1/Exports/Messages/days"),
    *("/v1/Exports/Jobs", "/v1/Exports/Jobs/", "/v1/Exports/Jobs/Jobs", "/v1/Exports/Jobs/Days"),
    *(f"/v1/Exports/Jobs/Days/{DAY}", f"/v1/Exports/Jobs/Days/{DAY}/Manifest", "/v1/Exports/Jobs/Configuration"),
    *(f"{JOBS}/{JOB_SID}", f"{JOBS}/{JOB_SID}/Media", f"/v1/Exports/Jobs/{JOB_SID}/Days", f"{DAYS}/{DAY}/manifest"),
    *("/v1/Records", "/v1/Downloads", "/errors", "/errors/", "/healthz/", "/openapi.yaml"),
)


@pytest.mark.compat(18, 49)
@pytest.mark.compat(2)
@pytest.mark.parametrize("path", NEARLY)
def test_an_address_that_nearly_exists_does_not(server: Server, path: str) -> None:
    """Jobs is no resource type where one stands; and what published code has tried is not there, either."""
    with nothing_changes(server):
        answer = ask(server, "GET", path)
    assert (answer.status, answer.code) == (404, 20404)
    assert answer.message.startswith(f"The requested resource {path.removesuffix('/') if '/v1/' in path else path} ")


def test_a_job_of_another_account_or_a_deleted_one_is_not_found(server: Server) -> None:
    """The two look like one that never was, and asking for them changes nothing."""
    stranger = server.service.administration.create_account()
    logins = ((stranger.account.sid, stranger.auth_token), server.account)
    form = {"StartDay": DAY, "EndDay": DAY, "FriendlyName": "somebody's"}
    foreign, ours = (server.client.post(JOBS, data=form, auth=login).json()["job_sid"] for login in logins)
    assert server.client.delete(f"/v1/Exports/Jobs/{ours}", auth=server.account).status_code == 204
    with nothing_changes(server):
        for sid in (foreign, ours):
            for method in ("GET", "DELETE"):
                answer = ask(server, method, f"/v1/Exports/Jobs/{sid}")
                assert (answer.status, answer.code) == (404, 20404)
                assert (
                    answer.message
                    == f"The requested resource /v1/Exports/Jobs/{sid} was not found: there is no job {sid}"
                )


@pytest.mark.parametrize("value", NO_ACCOUNT, ids=lambda value: value[:40])
def test_what_is_no_account_is_not_found(server: Server, office: tuple[str, str], value: str) -> None:
    """By the operator, who may see all of them. A PUT of a sound sid would make it; else it says what is wrong."""
    json = {"Content-Type": "application/json"}
    with nothing_changes(server):
        for method, path in addresses("AccountSid"):
            if method == "put" and value in NO_ACCOUNT[:2]:
                continue
            asked = path.replace("{AccountSid}", value)
            answer = ask(server, method.upper(), asked, body=b"{}", headers=json, login=office)
            expected = (400, 20001) if method == "put" else (404, 20404)
            assert (answer.status, answer.code) == expected, (method, path, answer.body)


@pytest.mark.parametrize("value", NO_KEY, ids=lambda value: value[:40])
def test_what_is_no_key_is_not_found(server: Server, office: tuple[str, str], value: str) -> None:
    """Of this account: also one that is somebody else's."""
    value = office[0] if value == "theirs" else value
    with nothing_changes(server):
        answer = ask(server, "DELETE", f"/v1/Accounts/{server.account[0]}/Keys/{value}", login=office)
    assert (answer.status, answer.code) == (404, 20404)


@pytest.mark.parametrize("value", ["1", "0", "-20404", "20404x", "020404", "%32%30%34%30", "Not%20found", "9" * 5000])
def test_what_is_no_code_is_not_found(server: Server, value: str) -> None:
    """The page of an error is found under one spelling."""
    refused(server, "Code", value, status=404, code=20404, says="knows no error with the code")


def test_every_variable_is_in_these_tables() -> None:
    """A new one gets its rows."""
    rows = [row for operation in OPERATIONS for row in READING.parameters({"parameters": operation.parameters})]
    assert {row.name for row in rows if row.note == "in the address"} == set(GOOD)
