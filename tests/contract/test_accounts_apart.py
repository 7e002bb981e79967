"""Two accounts under attack: whatever belongs to one is, to the other, as absent as what never was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from dayfile.api.app import OPERATIONS
from dayfile.model.credential import KeyKind
from dayfile.model.job import JobSid
from tests.support.face import Face, Login, served_face
from tests.support.notices import a_notice, told

DAY, SECRET = "2026-11-01", b'{"body":"only for the victim"}\n'

OPEN = {"/openapi.json", "/docs", "/errors/{Code}", "/healthz", "/readyz"}
"""Addresses at which there is nothing of any account."""

OWN = {
    # What everybody has, so that asking for it with one's own credentials gives one's own.
    *(("GET", f"/v1/Exports/{{ResourceType}}{rest}") for rest in ("", "/Configuration", "/Days", "/Jobs")),
    *(("POST", f"/v1/Exports/{{ResourceType}}{rest}") for rest in ("/Configuration", "/Jobs")),
    ("GET", "/v1/Notices"),
}

FORMS: dict[str, dict[str, Any]] = {
    "/v1/Exports/{ResourceType}/Jobs": {
        "data": {"StartDay": "2026-10-20", "EndDay": "2026-10-20", "FriendlyName": "the attacker's"}
    },
    "/v1/Exports/{ResourceType}/Configuration": {"data": {}},
    "/v1/Accounts": {"json": {}},
    "/v1/Accounts/{AccountSid}": {"json": {}},
    "/v1/Accounts/{AccountSid}/Keys": {"json": {}},
}


@dataclass(frozen=True, kw_only=True)
class Field:
    """An instance with a victim, who has one of everything, and an attacker, who has nothing."""

    face: Face
    victim: Login
    attacker: Login
    belongings: dict[str, str]  # by the names of the variables in addresses
    link: str

    def ask(self, method: str, path: str, names: dict[str, str], login: Login | None) -> httpx2.Response:
        """Ask for an address with these belongings in it."""
        address = re.sub(r"\{(\w+)\}", lambda variable: names[variable[1]], path)
        auth = None if login is None else login.basic
        forms = FORMS.get(path, {}) if method in {"POST", "PUT"} else {}
        return httpx2.request(method, self.face.url + address, auth=auth, **forms)


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """One field for all of these tests: none of them changes what the victim has."""
    with served_face(tmp_path_factory.mktemp("face")) as face:
        victim, attacker = face.account(), face.account()
        face.seal(victim, DAY, SECRET)
        for _ in range(3):
            face.publish(victim, DAY, "2026-11-03", name="the victim's")
        key = face.api_key(victim)
        notice = a_notice(victim.sid, "victim")
        told(face.database, notice)
        jobs = httpx2.get(f"{face.url}/v1/Exports/Messages/Jobs", auth=victim.basic).json()["jobs"]
        link = httpx2.get(f"{face.url}/v1/Exports/Messages/Days/{DAY}", auth=victim.basic).headers["location"]
        belongings = {
            "ResourceType": "Messages",
            "Day": DAY,
            "JobSid": jobs[0]["job_sid"],
            "EventSid": notice.sid,
            "AccountSid": victim.sid,
            "KeySid": key.username,
        }
        yield Field(face=face, victim=victim, attacker=attacker, belongings=belongings, link=link)


ABSENT = {
    "ResourceType": "Messages",
    "Day": "2026-10-09",
    "JobSid": "JS" + "0" * 32,
    "EventSid": "EV" + "0" * 32,
    "AccountSid": "AC" + "0" * 32,
    "KeySid": "SK" + "0" * 32,
}
ATTACKED = [
    (operation.method.upper(), operation.path)
    for operation in OPERATIONS
    # Links have a test of their own; who may send whose records is in tests/e2e/test_intake_api.py.
    if operation.path not in OPEN and "{Link}" not in operation.path and operation.name != "AcceptRecords"
]


def told_of(answer: httpx2.Response, names: dict[str, str]) -> tuple[int, str]:
    """Return status and code of an answer, whatever the names in it are."""
    text = answer.text
    for name, value in names.items():
        text = text.replace(value, name)
    return answer.status_code, text


@pytest.mark.parametrize(("method", "path"), ATTACKED)
def test_foreign_is_as_good_as_absent(field: Field, method: str, path: str) -> None:
    """Every documented operation: a difference between the two would tell what the other account has."""
    foreign = field.ask(method, path, field.belongings, field.attacker)
    assert field.victim.sid not in foreign.text.replace(f"/v1/Accounts/{field.victim.sid}", "")
    assert "the victim's" not in foreign.text
    if (method, path) in OWN:
        assert foreign.status_code in {200, 201}
        return
    assert foreign.status_code in {400, 401, 403, 404}, foreign.text
    absent = field.ask(method, path, ABSENT, field.attacker)
    assert told_of(foreign, field.belongings) == told_of(absent, ABSENT)


@pytest.mark.parametrize(("method", "path"), ATTACKED)
def test_without_credentials_nothing_is_told(field: Field, method: str, path: str) -> None:
    """Not even whether the address makes sense."""
    answers = [field.ask(method, path, names, None) for names in (field.belongings, ABSENT)]
    wrong = Login(sid=field.victim.sid, username=field.victim.username, password=field.attacker.password)
    answers += [field.ask(method, path, names, wrong) for names in (field.belongings, ABSENT)]
    assert {(answer.status_code, answer.json()["message"]) for answer in answers} == {(401, "Authenticate")}


@pytest.mark.parametrize("rest", ["Days", "Jobs"])
def test_a_page_token_is_of_one_account_and_one_list(field: Field, rest: str) -> None:
    """The attacker has found it in somebody's log."""
    address = f"{field.face.url}/v1/Exports/Messages/{rest}"
    page = httpx2.get(f"{address}?PageSize=1", auth=field.victim.basic).json()
    url = page["meta"]["next_page_url"]
    assert httpx2.get(url, auth=field.victim.basic).status_code == 200
    refused = httpx2.get(url, auth=field.attacker.basic)
    assert (refused.status_code, refused.json()["code"]) == (400, 21481)
    for other in ("Calls", "Messages"):
        elsewhere = url.replace("Messages", other).replace(rest, "Jobs" if rest == "Days" else "Days")
        assert httpx2.get(elsewhere, auth=field.victim.basic).json()["code"] == 21481


def test_a_link_opens_one_file_and_cannot_be_bent_to_another(field: Field) -> None:
    """Any character changed is refused; with whose credentials it comes makes no difference."""
    assert httpx2.get(field.link, auth=field.attacker.basic).content == httpx2.get(field.link).content
    path, query = field.link.partition("/v1/Downloads/")[2].partition("?")[::2]
    forged = {
        path.replace(field.victim.sid, field.attacker.sid): query,
        path.replace(DAY, "2026-11-02"): query,
        path.replace("Messages", "Calls"): query,
    }
    for changed, its_query in forged.items():
        if changed != path:
            answer = httpx2.get(f"{field.face.url}/v1/Downloads/{changed}?{its_query}", auth=field.attacker.basic)
            assert (answer.status_code, answer.json()["code"]) == (403, 20403)
    for at in range(0, len(query), 7):
        bent = query[:at] + ("0" if query[at] != "0" else "1") + query[at + 1 :]
        answer = httpx2.get(f"{field.face.url}/v1/Downloads/{path}?{bent}", auth=field.attacker.basic)
        assert answer.status_code in {400, 403}, bent
        assert SECRET not in answer.content


def test_a_key_opens_its_own_account_only(field: Field) -> None:
    """Also the highest one, and also for what has the other account's sid in its address."""
    new = field.face.administration.create_key(account=field.attacker.sid, kind=KeyKind.MAIN)
    key = Login(sid=field.attacker.sid, username=new.key.sid, password=new.secret)
    for method, path in ATTACKED:
        if (method, path) not in OWN:
            answer = field.ask(method, path, field.belongings, key)
            assert answer.status_code in {400, 403, 404}, (method, path, answer.text)
    with field.face.database.snapshot() as tx:
        assert tx.logins.find(field.belongings["KeySid"]) is not None
        assert tx.jobs.get(JobSid(field.belongings["JobSid"])).deleted_at is None


def test_a_parent_does_not_see_what_its_subaccounts_have(field: Field) -> None:
    """As with Twilio: each credential, its own account."""
    child = field.face.account(parent=field.attacker.sid)
    field.face.publish(child, DAY, name="the child's")
    for path in ("/v1/Exports/Messages/Days", "/v1/Exports/Messages/Jobs"):
        own, others = (field.ask("GET", path, {}, login).text for login in (child, field.attacker))
        assert "the child's" in own
        assert "the child's" not in others
