"""The operator's pages: accounts and keys with secrets that are shown once, the instance, and the audit log."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import httpx2
import pytest

from dayfile.console.operator import operator_pages
from dayfile.model.account import AccountState
from dayfile.model.credential import Scope
from dayfile.model.receipt import Refusal
from dayfile.model.resource import MESSAGES
from tests.support.customer_console import TRICKY, CustomerConsole, form_token, sign_in
from tests.support.face import Login

ACCOUNT = "AC" + "0" * 32
KEY = "SK" + "0" * 32
PAGES = ("/operator/accounts", "/operator/accounts/{sid}", "/operator/instance", "/operator/audit")
FORMS: Mapping[str, Mapping[str, str]] = {
    "/operator/accounts": {"sid": ACCOUNT, "friendly_name": "x"},
    "/operator/accounts/{sid}/rotate": {},
    "/operator/accounts/{sid}/suspend": {},
    "/operator/accounts/{sid}/activate": {},
    "/operator/accounts/{sid}/close": {"for_good": "yes"},
    "/operator/accounts/{sid}/keys": {"kind": "main"},
    "/operator/accounts/{sid}/keys/{key}/revoke": {},
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
    form = {"form_token": form_token(operator.get(path)), "kind": "restricted", "friendly_name": TRICKY}
    assert "opens nothing" in operator.post(f"{path}/keys", data=form).text
    assert "standard, main or restricted" in operator.post(f"{path}/keys", data={**form, "kind": "other"}).text
    page = operator.post(f"{path}/keys", data={**form, "exports:read": "yes"})
    secret = secret_in(page)
    [sid] = re.findall(r"The secret of the key (SK\w+)", page.text)
    assert works(console, sid, secret)
    assert "<img" not in page.text
    assert operator.post(f"{path}/keys/{sid}/revoke", data=form).headers["location"] == path
    assert not works(console, sid, secret)
    other = f"/operator/accounts/{console.account().sid}/keys/{sid}/revoke"
    assert operator.post(other, data=form).status_code == 404


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
        assert shown == {"/operator/instance"}
        for fields in ({"form_token": token}, {"form_token": "x"}):
            forms = {
                path: form for path, form in FORMS.items() if "rejections" not in path or fields["form_token"] == "x"
            }
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
