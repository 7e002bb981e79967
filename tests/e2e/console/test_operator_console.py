"""The operator's pages: accounts and keys with secrets that are shown once, the instance, and the audit log."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx2
import pytest

from dayfile.checks.measures import measure, waiting_texts
from dayfile.console.operator import operator_pages
from dayfile.model.account import AccountState
from dayfile.model.credential import Actor, Scope
from dayfile.model.day import Day
from dayfile.model.receipt import Refusal
from dayfile.model.resource import CALLS, MESSAGES
from dayfile.store.audit import Deed
from tests.support.clock import NOON
from tests.support.customer_console import TRICKY, Customer, CustomerConsole, form_token, sign_in
from tests.support.damage import flip
from tests.support.face import Login

ACCOUNT = "AC" + "0" * 32
KEY = "SK" + "0" * 32
PAGES = (
    *("/operator/accounts", "/operator/accounts/{sid}", "/operator/keys", "/operator/damage"),
    *("/operator/instance", "/operator/audit"),
)
WITH_INTAKE = ("/operator/rejections", "/operator/damage")
FORMS: Mapping[str, Mapping[str, str]] = {
    "/operator/accounts": {"sid": ACCOUNT, "friendly_name": "x"},
    "/operator/accounts/{sid}/rotate": {},
    "/operator/accounts/{sid}/suspend": {},
    "/operator/accounts/{sid}/activate": {},
    "/operator/accounts/{sid}/close": {"for_good": "yes"},
    "/operator/accounts/{sid}/keys": {"kind": "main", "sid": KEY},
    "/operator/accounts/{sid}/keys/{key}/revoke": {},
    "/operator/keys": {"sid": KEY, "intake": "yes"},
    "/operator/keys/{key}/revoke": {},
    "/operator/damage/retry": {"object": "x"},
    "/operator/damage/accept": {"object": "x", "for_good": "yes"},
    "/operator/rejections/retry": {"type": "Messages", "reason": "x", "up_to": "9"},
    "/operator/rejections/drop": {"type": "Messages", "reason": "x", "up_to": "9", "for_good": "yes"},
}


@pytest.fixture
def operator(console: CustomerConsole) -> Iterator[httpx2.Client]:
    """The operator's browser."""
    with console.browser() as browser:
        assert sign_in(browser, *console.operator).headers["location"] == "/operator"
        yield browser


def state_of(console: CustomerConsole, account: Login) -> AccountState:
    """The state of an account."""
    with console.face.database.snapshot() as tx:
        return tx.accounts.get(account.sid).state


def works(console: CustomerConsole, sid: str, secret: str) -> bool:
    """Return True if these let somebody in."""
    with console.browser() as browser:
        return sign_in(browser, sid, secret).status_code == 303


def secret_in(page: httpx2.Response) -> str:
    """The secret that a page shows."""
    assert page.status_code == 200, page.text
    assert page.headers["cache-control"] == "no-store"
    found = re.search(r"<code>(\w+)</code> <button[^>]*data-copy=\"\1\"", page.text)
    assert found, page.text
    return found[1]


def test_an_account_is_created_once_and_its_token_shown_once(console: CustomerConsole, operator: httpx2.Client) -> None:
    """A form that is sent twice, as by an impatient finger, makes one account."""
    page = operator.get("/operator/accounts")
    [sid] = re.findall(r'name="sid" value="(AC\w+)"', page.text)
    form = {"form_token": form_token(page), "sid": sid, "friendly_name": "Umbrella", "email": "", "parent": ""}
    token = secret_in(operator.post("/operator/accounts", data=form))
    assert works(console, sid, token)
    again = operator.post("/operator/accounts", data=form)
    assert again.status_code == 400
    assert "was sent before" in again.text
    assert token not in operator.get(f"/operator/accounts/{sid}").text
    assert "Umbrella" in operator.get(f"/operator/accounts?find={sid}").text
    refused = operator.post("/operator/accounts", data={**form, "sid": ACCOUNT, "parent": "AC" + "1" * 32})
    assert "The parent account" in refused.text


def test_an_account_is_found_by_its_name(console: CustomerConsole, operator: httpx2.Client) -> None:
    """Customers say who they are, not which sid they have; what is typed means only itself."""
    wanted, other = console.account("Initech 100% Software"), console.account("Initrode")

    def found(text: str) -> set[str]:
        page = operator.get("/operator/accounts", params={"find": text})
        assert page.status_code == 200
        return set(re.findall(r"/operator/accounts/(AC[0-9a-f]{32})", page.text))

    assert found("initech") == found("100% soft") == found(wanted.sid) == {wanted.sid}
    assert found("init") == {wanted.sid, other.sid}
    assert found("1%0") == found("_nitech") == found("x" * 300) == set()
    assert "No account has this sid" in operator.get("/operator/accounts?find=nobody").text
    assert operator.get("/operator/accounts?find=%00").status_code == 400


def test_an_account_is_suspended_activated_and_closed(console: CustomerConsole, operator: httpx2.Client) -> None:
    """Closing is for good, and asks for a mark first; each is in the audit log with the key that did it."""
    account = console.account("Hooli")
    path = f"/operator/accounts/{account.sid}"
    form = {"form_token": form_token(operator.get(path))}
    for act, state in (("suspend", AccountState.SUSPENDED), ("activate", AccountState.ACTIVE)):
        assert operator.post(f"{path}/{act}", data=form).headers["location"] == path
        assert state_of(console, account) is state
    assert operator.post(f"{path}/close", data=form).status_code == 400
    assert state_of(console, account) is AccountState.ACTIVE
    assert operator.post(f"{path}/close", data={**form, "for_good": "yes"}).headers["location"] == path
    assert state_of(console, account) is AccountState.CLOSED
    assert "for good" in operator.post(f"{path}/activate", data=form).text
    log = operator.get(f"/operator/audit?subject={account.sid}")
    for action in ("account.suspended", "account.activated", "account.closed"):
        assert action in log.text
    assert console.operator[0] in log.text
    assert "account.closed" not in operator.get(f"/operator/audit?subject={account.sid}&until=2026-11-22").text
    for query, status in (
        ("since=yesterday", 400),
        ("actor=%00", 400),
        ("subject=%00", 400),
        ("until=9999-12-31", 200),
    ):
        assert operator.get(f"/operator/audit?{query}").status_code == status, query


@pytest.mark.parametrize("at_once", ["", "yes"])
def test_a_token_is_rotated(console: CustomerConsole, operator: httpx2.Client, at_once: str) -> None:
    """The old one works beside it, unless it has leaked."""
    account = console.account()
    path = f"/operator/accounts/{account.sid}"
    page = operator.get(path)
    [mark] = re.findall(r'name="replaces" value="(\w+)"', page.text)
    form = {"form_token": form_token(page), "at_once": at_once, "replaces": mark}
    new = secret_in(operator.post(f"{path}/rotate", data=form))
    again = operator.post(f"{path}/rotate", data=form)
    assert (again.status_code, "was replaced since" in again.text) == (400, True), "sent twice, it is done once"
    assert works(console, account.sid, new)
    asked = httpx2.get(f"{console.url}/v1/Exports/Messages", auth=account.basic)
    assert asked.status_code == (401 if at_once else 200)


def test_keys_are_created_and_revoked(console: CustomerConsole, operator: httpx2.Client) -> None:
    """A restricted key may do what is marked; without any mark the rule is told."""
    account = console.account()
    path = f"/operator/accounts/{account.sid}"
    page = operator.get(path)
    form = {"form_token": form_token(page), "kind": "restricted", "friendly_name": TRICKY, "sid": new_sid(page)}
    assert "opens nothing" in operator.post(f"{path}/keys", data=form).text
    assert "standard, main or restricted" in operator.post(f"{path}/keys", data={**form, "kind": "other"}).text
    page = operator.post(f"{path}/keys", data={**form, "exports:read": "yes"})
    secret = secret_in(page)
    [sid] = re.findall(r"The secret of the key (SK\w+)", page.text)
    assert works(console, sid, secret)
    assert "<img" not in page.text
    again = operator.post(f"{path}/keys", data={**form, "exports:read": "yes"})
    assert (again.status_code, "was sent before" in again.text) == (400, True), "sent twice, it makes one key"
    assert operator.post(f"{path}/keys/{sid}/revoke", data=form).headers["location"] == path
    assert not works(console, sid, secret)
    other = f"/operator/accounts/{console.account().sid}/keys/{sid}/revoke"
    assert operator.post(other, data=form).status_code == 404


def new_sid(page: httpx2.Response) -> str:
    """The sid that a new key will have."""
    [found] = re.findall(r'name="sid" value="(SK\w+)"', page.text)
    return str(found)


def test_keys_of_the_operator_are_created_once_and_revoked(console: CustomerConsole, operator: httpx2.Client) -> None:
    """Their secret is on the page that answers the form, and on no other; who made and ended them is in the log."""
    page = operator.get("/operator/keys")
    form = {"form_token": form_token(page), "sid": new_sid(page), "friendly_name": TRICKY}
    nothing = operator.post("/operator/keys", data=form)
    assert (nothing.status_code, "name at least one scope" in nothing.text) == (400, True)
    made = operator.post("/operator/keys", data={**form, "accounts": "yes"})
    sid, secret = form["sid"], secret_in(made)
    assert "<img" not in made.text
    again = operator.post("/operator/keys", data={**form, "intake": "yes"})
    assert (again.status_code, "was sent before" in again.text) == (400, True)
    assert secret not in operator.get("/operator/keys").text
    with console.browser() as browser:
        sign_in(browser, sid, secret)
        own = browser.get("/operator/keys")
        assert 'name="accounts"' in own.text
        assert 'name="intake"' not in own.text, "it has not got it, and gives it to nobody"
        more = {"form_token": form_token(own), "sid": new_sid(own), "accounts": "yes", "intake": "yes"}
        refused = browser.post("/operator/keys", data=more)
        assert (refused.status_code, "lacks the scope &#39;intake&#39;" in refused.text) == (403, True)
        erase = browser.post("/operator/keys", data={**more, "intake": "", "erase": "yes"})
        assert erase.status_code == 403
        revoked = operator.post(f"/operator/keys/{sid}/revoke", data={"form_token": form["form_token"]})
        assert revoked.headers["location"] == "/operator/keys"
        assert browser.get("/operator/keys").status_code == 303, "its session ends with it"
    assert sid not in operator.get("/operator/keys").text
    log = operator.get(f"/operator/audit?subject={sid}").text
    assert [action in log for action in ("key.created", "key.revoked")] == [True, True]
    of_account = console.face.administration.create_key(account=console.account().sid)
    foreign = operator.post(f"/operator/keys/{of_account.key.sid}/revoke", data={"form_token": form["form_token"]})
    assert foreign.status_code == 404


def file_of(console: CustomerConsole, key: str) -> Path:
    """The file of an object, which may be written."""
    path = console.face.storage.path(key)
    assert path is not None
    path.chmod(0o600)
    return path


def test_damage_is_seen_and_has_a_way_out(console: CustomerConsole, operator: httpx2.Client) -> None:
    """A file in which one byte has changed is found by its download; it is whole again, or given up for good."""
    account, days = console.account(), ("2026-11-01", "2026-11-02")
    keys = {day: console.face.seal(account, day, f"{day}\n".encode() * 10).key for day in days}
    console.face.publish(account, *days)
    path = file_of(console, keys["2026-11-02"])
    was = [flip(file_of(console, key)) for key in keys.values()][1]
    with console.signed_in(account) as browser:
        for day in days:
            link = browser.get(f"/console/files/Messages/{day}/download").headers["location"]
            assert httpx2.get(link).status_code == 500
    assert "2 are damaged" in operator.get("/operator").text
    page = operator.get("/operator/damage")
    assert "2 damaged objects" in page.text
    assert all(key in page.text for key in keys.values())
    form = {"form_token": form_token(page), "object": keys["2026-11-02"]}
    still = operator.post("/operator/damage/retry", data=form)
    assert (still.status_code, "is still damaged" in still.text) == (400, True)
    path.write_bytes(was)
    whole = operator.post("/operator/damage/retry", data=form)
    assert "it is whole again, and nothing is lost" in whole.text
    assert "1 damaged object<" in whole.text
    lost = {**form, "object": keys["2026-11-01"]}
    assert operator.post("/operator/damage/accept", data=lost).status_code == 400
    given_up = operator.post("/operator/damage/accept", data={**lost, "for_good": "yes"})
    assert "it is given up" in given_up.text
    assert "waits for its seal" in given_up.text
    with console.face.database.snapshot() as tx:
        deeds = [tx.audit.newest(subject=key, limit=1)[0].deed for key in keys.values()]
    assert [(deed.actor, deed.action) for deed in deeds] == [
        (console.operator[0], "damage.accepted"),
        (console.operator[0], "damage.repaired"),
    ]
    assert operator.post("/operator/damage/retry", data={**form, "object": "no/such"}).status_code == 404


def test_the_instance_shows_who_holds_what_and_what_waits(console: CustomerConsole, operator: httpx2.Client) -> None:
    """The figures are those of `dayfile status`; a day that is held names its worker and until when."""
    account = console.account()
    with console.signed_in(account) as browser:
        console.face.work()
        sid = console.make_job(browser, "2026-10-01", "2026-10-03", "held")
    claim = console.face.job_queue.claim(worker="host-7/12")
    assert claim is not None
    with console.face.database.transaction() as tx:
        tx.daily_runs.start(CALLS, Day.parse("2026-11-20"), now=console.face.clock.now())
    page = operator.get("/operator/instance").text
    assert sid in page
    assert "host-7/12" in page
    assert "Calls of 2026-11-20" in page
    with console.face.database.snapshot() as tx:
        told = waiting_texts(measure(tx, now=console.face.clock.now()))
    assert all(text in page for text in told.values())
    console.face.publishing.publish(claim, [one.day for one in claim.days])
    assert "host-7/12" not in operator.get("/operator/instance").text


def test_the_instance_shows_receivers_that_fail(
    console: CustomerConsole, acme: Customer, operator: httpx2.Client
) -> None:
    """Their owner, and for how long: an operator asks the customer, or mends the way out."""
    page = operator.get("/operator/instance").text
    [row] = re.findall(r"<tr><th[^>]*><a href=\"/operator/accounts/" + acme.sid + r".*?</tr>", page, flags=re.DOTALL)
    assert ">Acme</a>" in row
    assert "https://hooks.example" in row
    assert "/day" not in re.sub(r"<time.*?</time>", "", row), "the path of a receiver may be a secret"
    with console.face.database.snapshot() as tx:
        [lane] = [one for one in tx.lanes.failing_first(limit=20) if one.key.account == acme.sid]
        assert tx.lanes.failing_first(limit=0) == []
    assert (lane.notices, lane.failures) == (1, 1)


def test_the_instance_tells_what_is_wrong_with_it(console: CustomerConsole, operator: httpx2.Client) -> None:
    """A missing worker is named, as nothing goes on without one; rejections go by their reason, without a record."""
    with console.face.database.transaction() as tx:
        refusal = Refusal(
            line_number=1, field="to", reason=f"must be text; got {TRICKY}", line=b"{secret}", account=None
        )
        tx.rejections.add(MESSAGES, "x", [refusal], now=console.face.clock.now())
    page = operator.get("/operator/instance").text
    assert "No worker runs" in page
    assert re.search("rejections?</h2>", page)
    assert "must be text" in page
    assert "secret}" not in page
    assert "<img" not in page


def test_rejections_are_tried_again_and_dropped_by_their_reason(
    console: CustomerConsole, operator: httpx2.Client
) -> None:
    """Later rejections than the page's stay; dropping asks for a mark, and the audit log says who did it."""
    reasons, now = ["must be A", "must be B", "must be B"], console.face.clock.now()
    refusals = [Refusal(line_number=1, field="status", reason=one, line=b"{}", account=None) for one in reasons]
    with console.face.database.transaction() as tx:
        tx.rejections.add(MESSAGES, "y", refusals, now=now)
    page = operator.get("/operator/instance")
    newest = re.findall(r'name="up_to" value="(\d+)"', page.text)[0]
    with console.face.database.transaction() as tx:
        tx.rejections.add(MESSAGES, "later", refusals[1:2], now=now)
    form = {"form_token": form_token(page), "type": "Messages", "reason": "status: must be B", "up_to": newest}
    assert operator.post("/operator/rejections/drop", data=form).status_code == 400
    dropped = operator.post("/operator/rejections/drop", data={**form, "for_good": "yes"})
    assert "2 rejections dropped." in dropped.text
    tried = operator.post("/operator/rejections/retry", data={**form, "reason": "status: must be A"})
    assert "0 lines accepted, 1 still rejected." in tried.text
    with console.face.database.snapshot() as tx:
        left = [(one.source, one.refusal.reason) for one in tx.rejections.listed(limit=100) if one.source != "x"]
        deeds = [line.deed for line in tx.audit.newest(subject="rejections", limit=2)]
    assert ("later", "must be B") in left
    assert ("y", "must be B") not in left
    assert [(deed.actor, deed.action) for deed in deeds] == [
        (console.operator[0], "rejections.retried"),
        (console.operator[0], "rejections.dropped"),
    ]
    assert operator.post("/operator/rejections/drop", data={**form, "for_good": "yes", "reason": ""}).status_code == 400


def test_the_largest_pages_of_the_operator_are_small(console: CustomerConsole, operator: httpx2.Client) -> None:
    """Sixty thousand bytes at most, however many accounts there are and however long their names."""
    odd = "&" * 256
    parent = console.account(odd)
    for _ in range(40):
        console.face.administration.create_account(friendly_name=odd, parent=parent.sid)
    with console.face.database.transaction() as tx:
        deed = Deed.by(
            Actor(name=parent.sid, address="2001:db8::1"), action="x" * 30, subject=f"{parent.sid}/" * 5, at=NOON
        )
        tx.audit.add_all([deed] * 60)
    paths = ("/operator", "/operator/accounts?find=%26", f"/operator/accounts/{parent.sid}", "/operator/audit")
    sizes = {path: len(operator.get(path).content) for path in paths}
    assert {path: size for path, size in sizes.items() if size >= 60_000} == {}
    assert min(sizes.values()) > 15_000, "none of them is an error"


def test_nobody_else_gets_in(console: CustomerConsole) -> None:
    """Not a customer, not a key without the scope, not a form of another session, and nobody without a session."""
    account = console.account()
    new = console.face.administration.create_key(account=None, scopes=[Scope.INTAKE])
    before = state_of(console, account)

    def address(path: str) -> str:
        return path.format(sid=account.sid, key=KEY)

    routes = {route.path for route in operator_pages(console.face.service.context)}
    assert routes == {*PAGES, *FORMS}
    with console.signed_in(account) as customer:
        token = form_token(customer.get("/console"))
        assert {customer.get(address(path)).status_code for path in PAGES} == {403}
        answers = [customer.post(address(path), data={**form, "form_token": token}) for path, form in FORMS.items()]
        assert {answer.status_code for answer in answers} == {403}
    with console.browser() as browser:
        assert {browser.get(address(path)).status_code for path in PAGES} == {303}
        assert {browser.post(address(path), data={"x": "y"}).status_code for path in FORMS} == {303}
        sign_in(browser, new.key.sid, new.secret)
        token = form_token(browser.get("/operator"))
        shown = {path for path in PAGES if browser.get(address(path)).status_code == 200}
        assert shown == {"/operator/instance", "/operator/damage"}
        for fields in ({"form_token": token}, {"form_token": "x"}):
            is_forged = fields["form_token"] == "x"
            forms = {path: form for path, form in FORMS.items() if is_forged or not path.startswith(WITH_INTAKE)}
            answers = [browser.post(address(path), data={**form, **fields}) for path, form in forms.items()]
            assert {answer.status_code for answer in answers} == {403}
    assert state_of(console, account) is before
    with console.face.database.snapshot() as tx:
        assert tx.accounts.find(account.sid) is not None
        assert tx.keys.listed(account=account.sid) == []


def test_sign_in_leads_back_to_the_operator_s_page(console: CustomerConsole) -> None:
    """Operators are led back as customers are; a customer with such a link is led to their own first page."""
    wanted = "/operator/audit?actor=operator"
    with console.browser() as browser:
        assert browser.get(wanted).headers["location"].startswith("/console/sign-in?to=%2Foperator%2Faudit")
        assert sign_in(browser, *console.operator, to=wanted).headers["location"] == wanted
        assert sign_in(browser, *console.account().basic, to=wanted).headers["location"] == "/console"
