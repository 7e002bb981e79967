"""Pages of daily exports: on or off for each type, the webhook that is told, and a test of it before it is saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.routing import Route

from dayfile.console.paths import CONSOLE_PATH, lead_to
from dayfile.console.sheets import show
from dayfile.console.visit import CustomerRoutes, Page, Visit
from dayfile.errors import Invalid, TooManyRequests
from dayfile.model.credential import Permission
from dayfile.model.lane import GIVE_UP_AFTER
from dayfile.model.notice import Outcome
from dayfile.model.resource import RESOURCE_TYPES, ResourceType, parse_resource_type
from dayfile.web.export_forms import parse_configuration_change
from dayfile.web.params import check_receiver, check_url, check_webhook_method

_SECTION: Final = "Overview"


def daily_routes(routes: CustomerRoutes) -> list[Route]:
    """Return the routes of the pages of daily exports."""
    return [
        routes.look("/daily/{type}", Permission.EXPORTS_READ, _look),
        routes.act("/daily/{type}", Permission.CONFIGURATION_WRITE, _change),
        routes.act("/daily/{type}/switch", Permission.CONFIGURATION_WRITE, _switch),
        routes.act("/daily/{type}/test", Permission.CONFIGURATION_WRITE, _test),
    ]


def _look(visit: Visit) -> Page:
    return _show(visit, _kind(visit))


def _change(visit: Visit) -> Page:
    """Save what the form says: all of it, by the stage of the API."""
    kind, form = _kind(visit), _sent(visit)
    try:
        change = parse_configuration_change({**form, "Enabled": form.get("Enabled") or "false"})
        check_receiver(change.webhook_url, visit.instance.destinations)
        visit.instance.configuring.change(visit.account.sid, kind, change, actor=visit.actor)
    except Invalid as wrong:
        return _show(visit, kind, form=form, problem=str(wrong))
    return lead_to(f"{CONSOLE_PATH}/daily/{kind}?saved=yes")


def _switch(visit: Visit) -> Page:
    """Turn daily exports on or off and leave the webhook as it is."""
    kind = _kind(visit)
    change = parse_configuration_change({"Enabled": visit.form.get("Enabled", "")})
    visit.instance.configuring.change(visit.account.sid, kind, change, actor=visit.actor)
    return lead_to(CONSOLE_PATH)


def _test(visit: Visit) -> Page:
    """Send a made-up notice to what is typed, whether it is saved or not, and show what came of it."""
    kind, form = _kind(visit), _sent(visit)
    try:
        url = check_url("WebhookUrl", form.get("WebhookUrl", ""))
        method = check_webhook_method(form.get("WebhookMethod", ""))
        check_receiver(url, visit.instance.destinations)
        outcome = visit.instance.webhook_trial.send(visit.account.sid, kind, url=url, method=method, actor=visit.actor)
    except (Invalid, TooManyRequests) as wrong:
        return _show(visit, kind, form=form, problem=str(wrong))
    return _show(visit, kind, form=form, outcome=outcome)


def _show(
    visit: Visit,
    kind: ResourceType,
    *,
    form: Mapping[str, str] | None = None,
    problem: str = "",
    outcome: Outcome | None = None,
) -> Page:
    with visit.instance.database.snapshot() as tx:
        now = tx.configurations.get(visit.account.sid, kind)
    saved = {
        "Enabled": "true" if now.is_enabled else "",
        "WebhookUrl": now.webhook_url,
        "WebhookMethod": now.webhook_method,
    }
    return show(
        visit,
        "daily.html",
        section=_SECTION,
        status=400 if problem else 200,
        types=RESOURCE_TYPES,
        kind=kind,
        configuration=now,
        form=saved if form is None else form,
        problem=problem,
        outcome=outcome,
        told_for=GIVE_UP_AFTER,
        answer=outcome.answer.decode("utf-8", "replace") if outcome else "",
        is_saved=form is None and visit.asked("saved") == "yes",
        may_write=visit.may(Permission.CONFIGURATION_WRITE),
    )


def _sent(visit: Visit) -> dict[str, str]:
    form = {name: visit.form.get(name, "") for name in ("Enabled", "WebhookUrl", "WebhookMethod")}
    # Without a URL its method says nothing: a form always sends one.
    return form if form["WebhookUrl"] else {**form, "WebhookMethod": ""}


def _kind(visit: Visit) -> ResourceType:
    return parse_resource_type(visit.request.path_params["type"])
