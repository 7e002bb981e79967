"""The operator's pages of its own keys: which there are, a new one with scopes, and the end of one."""

from __future__ import annotations

from typing import Final

from starlette.routing import Route

from dayfile.console.paths import OPERATOR_PATH, lead_to
from dayfile.console.sheets import show
from dayfile.console.visit import OperatorRoutes, OperatorVisit, Page
from dayfile.errors import Conflict, Forbidden, Invalid
from dayfile.model.account_entry import LONGEST_NAME
from dayfile.model.credential import GRANTABLE_SCOPES, Scope, parse_key_sid
from dayfile.web.params import check_length

_SECTION: Final = "Keys"
_SCOPES: Final = {
    Scope.INTAKE: "send records of every account; try rejections again or drop them; resolve damage",
    Scope.ACCOUNTS: "create and change accounts and keys; read the audit log",
    Scope.ERASE: "remove records",
}


def key_routes(routes: OperatorRoutes) -> list[Route]:
    """Return the routes of the pages of the operator's keys."""
    return [
        routes.look("/keys", Scope.ACCOUNTS, _show),
        routes.act("/keys", Scope.ACCOUNTS, _create),
        routes.act("/keys/{key}/revoke", Scope.ACCOUNTS, _revoke),
    ]


def _create(visit: OperatorVisit) -> Page:
    """Create the key whose sid the form has, and show its secret: sent twice, it is created once."""
    name = visit.form.get("friendly_name", "").strip()
    try:
        new = visit.instance.administration.by(visit.actor).grant_key(
            visit.caller,
            scopes=[scope for scope in Scope if visit.form.get(scope.value) == "yes"],
            friendly_name=check_length("The name", name, longest=LONGEST_NAME) if name else "",
            sid=parse_key_sid(visit.form.get("sid", "")),
        )
    except (Invalid, Conflict, Forbidden) as wrong:
        return _show(visit, problem=str(wrong), status=403 if isinstance(wrong, Forbidden) else 400)
    return _show(visit, secret=new.secret, of=f"The secret of the key {new.key.sid}")


def _revoke(visit: OperatorVisit) -> Page:
    """Revoke a key now; one that revokes itself is signed out by that."""
    administration = visit.instance.administration.by(visit.actor)
    administration.revoke_operator_key(parse_key_sid(visit.request.path_params["key"]))
    return lead_to(f"{OPERATOR_PATH}/keys")


def _show(visit: OperatorVisit, *, problem: str = "", status: int = 400, secret: str = "", of: str = "") -> Page:
    with visit.instance.database.snapshot() as tx:
        keys = tx.keys.of_operator()
    return show(
        visit,
        "operator/keys.html",
        section=_SECTION,
        status=status if problem else 200,
        keys=[key for key in keys if key.revoked_at is None],
        revoked=sum(key.revoked_at is not None for key in keys),
        problem=problem,
        secret=secret,
        of=of,
        new_sid=visit.instance.administration.new_key_sid(),
        scopes=[(scope.value, _SCOPES[scope]) for scope in Scope if scope in visit.caller.scopes & GRANTABLE_SCOPES],
        form=visit.form if problem else {},
        longest_name=LONGEST_NAME,
    )
