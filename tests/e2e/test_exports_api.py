from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import event

from dayfile.model.resource import CALLS
from tests.support.face import Face, Login, served_face

TWO_DAYS = {"StartDay": "2026-11-01", "EndDay": "2026-11-02", "FriendlyName": "november"}
JOBS = "/v1/Exports/Messages/Jobs"
CONFIGURATION = "/v1/Exports/Messages/Configuration"
DAYS = "/v1/Exports/Messages/Days"


def members(body: dict[str, Any]) -> list[str]:
    """Their names, in the order in which they were sent."""
    return list(body)


@pytest.mark.compat(6)
def test_an_export_says_where_its_days_and_jobs_are(face: Face, client: httpx2.Client) -> None:
    """The entry to everything else; all addresses are on the public base."""
    answer = client.get("/v1/Exports/Messages")
    assert answer.status_code == 200
    assert answer.json() == {
        "resource_type": "Messages",
        "url": f"{face.url}/v1/Exports/Messages",
        "links": {
            "days": f"{face.url}{DAYS}",
            "export_custom_jobs": f"{face.url}{JOBS}",
            "jobs": f"{face.url}/v1/Exports/Jobs",
        },
    }


@pytest.mark.compat(24)
def test_walking_the_days_while_others_are_published_yields_each_once(
    face: Face, acme: Login, client: httpx2.Client
) -> None:
    """Counted pages would skip or repeat; a silently short list is a day that nobody downloads."""
    face.publish(acme, "2026-10-01", "2026-10-20")
    url: str | None = f"{DAYS}?PageSize=7"
    seen: list[str] = []
    first = True
    while url:
        body = client.get(url).json()
        seen += [day["day"] for day in body["days"]]
        if first:
            face.publish(acme, "2026-10-21", "2026-10-25")
            first = False
        url = body["meta"]["next_page_url"]
    assert seen == [f"2026-10-{day:02}" for day in range(1, 26)]


def test_the_previous_page_leads_back(face: Face, acme: Login, client: httpx2.Client) -> None:
    """Through HTTP as in the pure rule: every address that is given out works."""
    face.publish(acme, "2026-10-01", "2026-10-05")
    first = client.get(f"{DAYS}?PageSize=2").json()
    second = client.get(first["meta"]["next_page_url"]).json()
    assert second["meta"]["page"] == 1
    back = client.get(second["meta"]["previous_page_url"]).json()
    assert back["days"] == first["days"]
    assert back["meta"]["previous_page_url"] is None
    assert client.get(back["meta"]["next_page_url"]).json()["days"] == second["days"]
    assert client.get(second["meta"]["url"]).json()["days"] == second["days"]


def test_a_page_token_of_another_account_is_none_of_ours(face: Face, acme: Login, client: httpx2.Client) -> None:
    """It would say where something of theirs stands."""
    other = face.account()
    face.publish(other, "2026-10-01", "2026-10-05")
    with face.client(other) as theirs:
        token = theirs.get(f"{DAYS}?PageSize=2").json()["meta"]["next_page_url"].partition("PageToken=")[2]
        assert theirs.get(DAYS, params={"PageToken": token}).status_code == 200
    refused = client.get(DAYS, params={"PageToken": token})
    assert (refused.status_code, refused.json()["code"]) == (400, 21481)


@pytest.mark.compat(22)
def test_a_larger_limit_than_the_maximum_is_cut_down(client: httpx2.Client) -> None:
    """list(limit=5000) must work with every client."""
    meta = client.get(f"{JOBS}?PageSize=5000").json()["meta"]
    assert meta["page_size"] == 1000
    assert meta["url"].endswith("?PageSize=1000&Page=0")


@pytest.mark.compat(37)
def test_the_newest_export_of_a_day_replaces_its_entry(face: Face, acme: Login, client: httpx2.Client) -> None:
    """One Day per account, type and day: its address can give only one file."""
    face.seal(acme, "2026-11-01", b"{}\n")
    face.publish(acme, "2026-11-01", "2026-11-02", name="first")
    newer = face.seal(acme, "2026-11-01", b"{}\n{}\n")
    face.publish(acme, "2026-11-01", name="second")
    days = client.get(DAYS).json()["days"]
    # The list goes by the order of generation, so the day made anew comes last.
    assert [(day["day"], day["friendly_name"]) for day in days] == [("2026-11-02", "first"), ("2026-11-01", "second")]
    assert days[-1]["size"] == newer.size_bytes


@pytest.mark.compat(29, 31)
def test_a_day_is_fetched_as_a_redirect_to_its_file(face: Face, acme: Login, client: httpx2.Client) -> None:
    """Clients read redirect_to and follow nothing; curl follows Location. Both lead to the same file."""
    face.publish(acme, "2026-11-01")
    answer = client.get(f"{DAYS}/2026-11-01")
    assert answer.status_code == 307
    assert members(answer.json()) == ["redirect_to"]
    assert answer.json()["redirect_to"] == answer.headers["location"]
    assert answer.headers["location"].startswith(f"{face.url}/v1/Downloads/daily/day=2026-11-01/type=Messages/")


def test_a_link_that_is_given_is_written_down_with_who_got_it(face: Face, acme: Login, client: httpx2.Client) -> None:
    """Behind an object store the download itself is not seen: the audit log is what an auditor has."""
    face.seal(acme, "2026-11-01", b"{}\n")
    face.publish(acme, "2026-11-01", "2026-11-02")
    key = face.api_key(acme)
    with face.client(key) as by_key:
        answers = [
            client.get(f"{DAYS}/2026-11-01"),
            by_key.head(f"{DAYS}/2026-11-01"),
            client.get(f"{DAYS}/2026-11-02"),
        ]
    assert [answer.status_code for answer in answers] == [307, 307, 307]
    client.get(f"{DAYS}/2026-11-03")  # is not there
    client.get(f"{DAYS}/2026-11-01/Manifest")  # is no link
    with face.database.snapshot() as tx:
        deeds = [line.deed for line in tx.audit.newest(subject=f"{acme.sid}/Messages", limit=10)][::-1]
    assert {(deed.action, deed.at) for deed in deeds} == {("link.given", face.clock.now())}
    assert [(deed.actor, deed.subject.partition("/Messages/")[2]) for deed in deeds] == [
        (acme.username, "2026-11-01/revision-1"),
        (key.username, "2026-11-01/revision-1"),
        (acme.username, "2026-11-02/empty"),
    ]


def test_no_link_is_given_that_cannot_be_written_down(face: Face, acme: Login, client: httpx2.Client) -> None:
    """A full disk hides nobody's tracks: the customer is asked to try again."""

    def read_only(connection: Any, _record: object, _proxy: object) -> None:
        connection.execute("PRAGMA query_only = ON")

    face.publish(acme, "2026-11-01")
    event.listen(face.database.engine, "checkout", read_only)
    answer = client.get(f"{DAYS}/2026-11-01")
    event.remove(face.database.engine, "checkout", read_only)
    face.database.engine.dispose()
    assert (answer.status_code, answer.json()["code"]) == (503, 20503)
    assert int(answer.headers["Retry-After"]) >= 1
    assert "Location" not in answer.headers
    assert client.get(f"{DAYS}/2026-11-01").status_code == 307


@pytest.mark.compat(18)
def test_what_belongs_to_another_account_looks_as_if_it_were_not_there(face: Face, acme: Login) -> None:
    """Not even its existence may be told: the answers are the same but for the sid that was asked for."""
    stranger = face.account()
    face.publish(acme, "2026-11-01")
    with face.client(acme) as ours:
        sid = ours.post(JOBS, data=TWO_DAYS).json()["job_sid"]
    nobodys = "JS" + "0" * 32
    with face.client(stranger) as theirs:
        for method in ("GET", "DELETE"):
            foreign = theirs.request(method, f"/v1/Exports/Jobs/{sid}")
            unknown = theirs.request(method, f"/v1/Exports/Jobs/{nobodys}")
            assert foreign.status_code == unknown.status_code == 404
            assert foreign.text.replace(sid, nobodys) == unknown.text
        assert theirs.get(JOBS).json()["jobs"] == []
        assert theirs.get(DAYS).json()["days"] == []
        for path in (f"{DAYS}/2026-11-01", f"{DAYS}/2026-11-01/Manifest"):
            assert theirs.get(path).status_code == 404
    with face.client(acme) as ours:
        assert ours.get(f"/v1/Exports/Jobs/{sid}").status_code == 200


@pytest.mark.compat(9)
def test_parents_and_subaccounts_see_their_own_only(face: Face, acme: Login, client: httpx2.Client) -> None:
    """As with Twilio: a subaccount is addressed by its own credentials, and its parent's do not reach in."""
    subaccount = face.account(parent=acme.sid)
    face.publish(subaccount, "2026-11-01")
    face.publish(acme, "2026-11-02")
    with face.client(subaccount) as theirs:
        assert [day["day"] for day in theirs.get(DAYS).json()["days"]] == ["2026-11-01"]
    assert [day["day"] for day in client.get(DAYS).json()["days"]] == ["2026-11-02"]


@pytest.mark.compat(8)
def test_an_api_key_reaches_its_accounts_exports(face: Face, acme: Login) -> None:
    """Scripts should not need the auth token."""
    face.publish(acme, "2026-11-01")
    with face.client(face.api_key(acme)) as client:
        assert [day["day"] for day in client.get(DAYS).json()["days"]] == ["2026-11-01"]


def test_types_do_not_mix(face: Face, acme: Login, client: httpx2.Client) -> None:
    """A day of calls is no day of messages."""
    face.publish(acme, "2026-11-01", resource_type=CALLS)
    assert client.get(DAYS).json()["days"] == []
    assert client.get("/v1/Exports/Calls/Days").json()["days"][0]["resource_type"] == "Calls"


@pytest.mark.parametrize("path", ["/v1/Exports/Messages", DAYS, JOBS, f"{DAYS}/2026-11-01", "/v1/Exports/Jobs/{sid}"])
@pytest.mark.compat(3)
def test_every_address_may_end_in_a_slash_and_be_asked_for_its_head(
    face: Face, acme: Login, client: httpx2.Client, path: str
) -> None:
    """Both happen in the wild; neither is another resource."""
    face.publish(acme, "2026-11-01")
    path = path.format(sid=client.post(JOBS, data=TWO_DAYS).json()["job_sid"])
    plain, slashed, head = client.get(path), client.get(path + "/"), client.head(path)
    assert plain.status_code == slashed.status_code == head.status_code
    assert plain.text == slashed.text
    assert head.content == b""
    assert head.headers["content-length"] == str(len(plain.content))


@pytest.mark.parametrize("end", [".json", ".json/"])
@pytest.mark.parametrize(
    "path", ["/v1/Exports/Messages", DAYS, JOBS, f"{DAYS}/2026-11-01", "/v1/Exports/Jobs/{sid}", CONFIGURATION]
)
@pytest.mark.compat(77)
def test_every_address_of_exports_may_end_in_json(
    face: Face, acme: Login, client: httpx2.Client, *, path: str, end: str
) -> None:
    """Scripts that came from the older API write it; the answer and the addresses in it are the same."""
    face.publish(acme, "2026-11-01")
    path = path.format(sid=client.post(JOBS + end, data=TWO_DAYS).json()["job_sid"])
    plain, ended = client.get(path), client.get(path + end)
    assert (plain.status_code, plain.headers["content-type"]) == (ended.status_code, ended.headers["content-type"])
    assert plain.text == ended.text
    assert client.request("OPTIONS", path + end).headers["allow"] == client.request("OPTIONS", path).headers["allow"]


@pytest.mark.compat(77)
def test_json_ends_addresses_of_exports_only(face: Face, client: httpx2.Client) -> None:
    """Ours have one spelling; and an account is not told from another by it."""
    for path in ("/healthz.json", "/v1/Notices.json", "/v1/Exports/Messages.csv", "/v1/Exports/.json"):
        assert client.get(path).status_code == 404
    assert httpx2.get(f"{face.url}{DAYS}.json").status_code == 401


@pytest.mark.compat(2)
def test_jobs_is_no_resource_type(client: httpx2.Client) -> None:
    """It stands where a resource type stands, and must win there and nowhere else."""
    for path in (
        "/v1/Exports/Jobs",
        "/v1/Exports/Jobs/Jobs",
        "/v1/Exports/Jobs/Days",
        "/v1/Exports/Jobs/Days/2026-11-01",
    ):
        assert client.get(path).status_code == 404
    assert client.post("/v1/Exports/Jobs/Jobs", data=TWO_DAYS).status_code == 404


def test_a_manifest_proves_what_the_link_gives(face: Face, acme: Login, client: httpx2.Client) -> None:
    """Count, sizes and hashes of the very file that is published."""
    sealed = face.seal(acme, "2026-11-01", b'{"a":1}\n{"b":2}\n')
    face.publish(acme, "2026-11-01")
    manifest = client.get(f"{DAYS}/2026-11-01/Manifest").json()
    assert manifest["account_sid"] == acme.sid
    assert (manifest["revision"], manifest["records"]) == (1, 2)
    assert (manifest["size_bytes"], manifest["sha256"]) == (sealed.size_bytes, sealed.sha256)
    assert (manifest["plain_bytes"], manifest["plain_sha256"]) == (16, sealed.plain_sha256)
    assert manifest["first_date_created"] == "2026-11-01T00:00:00Z"
    assert manifest["last_date_created"] == "2026-11-01T23:59:59Z"
    assert manifest["encoder"] == "zlib"


def test_the_manifest_of_a_day_without_records_says_so(face: Face, acme: Login, client: httpx2.Client) -> None:
    """No records is an answer, too, and can be checked like any other."""
    face.publish(acme, "2026-11-01")
    manifest = client.get(f"{DAYS}/2026-11-01/Manifest").json()
    assert (manifest["revision"], manifest["records"], manifest["plain_bytes"]) == (0, 0, 0)
    assert manifest["first_date_created"] is manifest["last_date_created"] is manifest["date_sealed"] is None


@pytest.mark.compat(38, 50)
def test_files_and_jobs_leave_their_lists_when_their_time_is_over(tmp_path: Path) -> None:
    """After retention nothing is shown or given, whether it was cleared away yet or not."""
    with served_face(tmp_path) as face, face.client(acme := face.account()) as client:
        face.publish(acme, "2026-11-01")
        sid = client.get(JOBS).json()["jobs"][0]["job_sid"]
        face.clock.pass_by(timedelta(days=7) - timedelta(seconds=1))
        assert client.get(f"{DAYS}/2026-11-01").status_code == 307
        assert client.get(f"/v1/Exports/Jobs/{sid}").status_code == 200
        face.clock.pass_by(timedelta(seconds=1))
        for path in (f"{DAYS}/2026-11-01", f"{DAYS}/2026-11-01/Manifest", f"/v1/Exports/Jobs/{sid}"):
            assert client.get(path).status_code == 404
        assert client.get(DAYS).json()["days"] == client.get(JOBS).json()["jobs"] == []
