"""The operator's pages of accounts and their keys. A secret is on the one page that answers the form that made it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from starlette.routing import Route

from dayfile.accounts.administer import Administration
from dayfile.accounts.bring import EntriesRefused
from dayfile.console.paths import OPERATOR_PATH, lead_to
from dayfile.console.sheets import show
from dayfile.console.visit import OperatorRoutes, OperatorVisit, Page
from dayfile.errors import Conflict, Invalid, NotFound
from dayfile.model.account import KEEP_OLD_FOR, Account, AccountSid, parse_account_sid
from dayfile.model.account_entry import LONGEST_NAME, AccountEntry, Action, parse_entry
from dayfile.model.credential import GRANTABLE, KeyKind, Permission, Scope, parse_key_sid
from dayfile.model.sid import canonical_sid
from dayfile.store.transaction import Transaction
from dayfile.web.params import check_length, check_search

_SECTION: Final = "Accounts"
_ROWS: Final = 35
_SUBACCOUNTS: Final = 20  # whose names are shown
_NAMES: Final = {
    "sid": "The account sid",
    "token": "The auth token",
    "parent": "The parent account",
    "state": "The state",
    "friendly_name": "The name",
    "email": "The e-mail address",
}
_KINDS: Final = (KeyKind.STANDARD, KeyKind.MAIN, KeyKind.RESTRICTED)


def account_routes(routes: OperatorRoutes) -> list[Route]:
    """Return the routes of the operator's pages of accounts."""
    return [
        routes.look("/accounts", Scope.ACCOUNTS, _show_list),
        routes.act("/accounts", Scope.ACCOUNTS, _create),
        routes.look("/accounts/{sid}", Scope.ACCOUNTS, _account),
        routes.act("/accounts/{sid}/rotate", Scope.ACCOUNTS, _rotate),
        routes.act("/accounts/{sid}/suspend", Scope.ACCOUNTS, _changing(Administration.suspend)),
        routes.act("/accounts/{sid}/activate", Scope.ACCOUNTS, _changing(Administration.activate)),
        routes.act("/accounts/{sid}/close", Scope.ACCOUNTS, _close),
        routes.act("/accounts/{sid}/keys", Scope.ACCOUNTS, _create_key),
        routes.act("/accounts/{sid}/keys/{key}/revoke", Scope.ACCOUNTS, _revoke),
    ]


def _show_list(visit: OperatorVisit, *, problem: str = "") -> Page:
    after, wanted = visit.asked("after"), visit.asked("find").strip()
    try:
        start = parse_account_sid(after) if after else None
        check_search(wanted)
        with visit.instance.database.snapshot() as tx:
            count = tx.accounts.count()
            listed = _found(tx, wanted) if wanted else tx.accounts.listed(after=start, limit=_ROWS)
    except Invalid as wrong:
        problem, count, listed = str(wrong), 0, []
    return show(
        visit,
        "operator/accounts.html",
        section=_SECTION,
        status=400 if problem else 200,
        problem=problem,
        accounts=listed,
        count=count,
        found=wanted,
        after=after,
        last=listed[-1].sid if len(listed) == _ROWS else None,
        new_sid=visit.instance.administration.new_sid(),
        form=visit.form,
        longest_name=LONGEST_NAME,
    )


def _found(tx: Transaction, wanted: str) -> list[Account]:
    """Return the account with a sid, or those that have a text in their names."""
    sid = canonical_sid(wanted, prefix="AC")
    if sid is None:
        return tx.accounts.named(wanted, limit=_ROWS) if len(wanted) <= LONGEST_NAME else []
    one = tx.accounts.find(AccountSid(sid))
    return [one] if one else []


def _create(visit: OperatorVisit) -> Page:
    """Create the account whose sid the form has: sent twice, it is created once."""
    try:
        entry, administration = _entry(visit), _administration(visit)
        is_new = administration.plan([entry])[0].action is Action.CREATE
        brought = administration.bring([entry], keep_old_for=KEEP_OLD_FOR) if is_new else None
    except EntriesRefused as refused:
        problem = refused.problems[0]
        return _show_list(visit, problem=str(replace(problem, field=_NAMES[problem.field]).as_error()))
    except (Invalid, Conflict) as wrong:
        return _show_list(visit, problem=str(wrong))
    token = None if brought is None else brought.new_tokens.get(entry.sid)
    if token is None:
        return _show_list(visit, problem="This form was sent before; the auth token of its account was shown then")
    return _show(visit, entry.sid, secret=token, of=f"The auth token of {entry.sid}")


def _entry(visit: OperatorVisit) -> AccountEntry:
    fields = {name: visit.form.get(name, "").strip() for name in ("sid", "parent", "friendly_name", "email")}
    return parse_entry(fields, names=_NAMES, read_sid=lambda text, name: parse_account_sid(text, name=name))


def _account(visit: OperatorVisit) -> Page:
    return _show(visit, _sid(visit))


def _rotate(visit: OperatorVisit) -> Page:
    """Give an account a new auth token, and end the old one at once if the form says so; sent twice, do it once."""
    keep = timedelta(0) if visit.form.get("at_once") == "yes" else KEEP_OLD_FOR
    sid = _sid(visit)
    try:
        token = _administration(visit).rotate_token(sid, keep_old_for=keep, replaces=visit.form.get("replaces", ""))
    except Conflict as wrong:
        return _show(visit, sid, problem=str(wrong))
    return _show(visit, sid, secret=token, of=f"The new auth token of {sid}")


def _close(visit: OperatorVisit) -> Page:
    sid = _sid(visit)
    if visit.form.get("for_good") != "yes":
        return _show(visit, sid, problem="Closing is for good: mark that you know it")
    try:
        _administration(visit).close(sid)
    except Conflict as wrong:
        return _show(visit, sid, problem=str(wrong))
    return lead_to(f"{OPERATOR_PATH}/accounts/{sid}")


def _create_key(visit: OperatorVisit) -> Page:
    sid, name = _sid(visit), visit.form.get("friendly_name", "").strip()
    kind = next((one for one in _KINDS if one.value == visit.form.get("kind", KeyKind.STANDARD.value)), None)
    if kind is None:
        return _show(visit, sid, problem="A key is standard, main or restricted")
    try:
        new = _administration(visit).create_key(
            account=sid,
            kind=kind,
            permissions=[one for one in GRANTABLE if visit.form.get(one.value) == "yes"],
            friendly_name=check_length("The name", name, longest=LONGEST_NAME) if name else "",
            sid=parse_key_sid(visit.form.get("sid", "")),
        )
    except (Invalid, Conflict) as wrong:
        return _show(visit, sid, problem=str(wrong))
    return _show(visit, sid, secret=new.secret, of=f"The secret of the key {new.key.sid}")


def _revoke(visit: OperatorVisit) -> Page:
    sid = _sid(visit)
    _administration(visit).revoke_key(parse_key_sid(visit.request.path_params["key"]), account=sid)
    return lead_to(f"{OPERATOR_PATH}/accounts/{sid}")


def _changing(change: Callable[[Administration, AccountSid], None]) -> Callable[[OperatorVisit], Page]:
    def act(visit: OperatorVisit) -> Page:
        sid = _sid(visit)
        try:
            change(_administration(visit), sid)
        except Conflict as wrong:
            return _show(visit, sid, problem=str(wrong))
        return lead_to(f"{OPERATOR_PATH}/accounts/{sid}")

    return act


def _show(visit: OperatorVisit, sid: AccountSid, *, problem: str = "", secret: str = "", of: str = "") -> Page:
    with visit.instance.database.snapshot() as tx:
        account = tx.accounts.get(sid)
        keys = tx.keys.listed(account=sid)
        family = sorted(tx.accounts.family(sid) - {sid})
        shown = [*family[:_SUBACCOUNTS], *([account.parent] if account.parent else [])]
        names = {one: stored.account.friendly_name for one, stored in tx.accounts.known(shown).items()}
    return show(
        visit,
        "operator/account.html",
        section=_SECTION,
        status=400 if problem else 200,
        account=account,
        keys=keys,
        subaccounts=family,
        shown_subaccounts=_SUBACCOUNTS,
        names=names,
        problem=problem,
        secret=secret,
        of=of,
        new_sid=visit.instance.administration.new_key_sid(),
        token_mark=visit.instance.administration.token_mark(sid),
        keep_old_for=KEEP_OLD_FOR,
        kinds=[kind.value for kind in _KINDS],
        permissions=[one.value for one in Permission if one in GRANTABLE],
        longest_name=LONGEST_NAME,
    )


def _administration(visit: OperatorVisit) -> Administration:
    return visit.instance.administration.by(visit.actor)


def _sid(visit: OperatorVisit) -> AccountSid:
    try:
        return parse_account_sid(visit.request.path_params["sid"])
    except Invalid as error:
        raise NotFound("an account sid is AC followed by 32 hexadecimal digits") from error
