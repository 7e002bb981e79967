"""Routes of export configurations: daily exports on or off, and their webhook. A configuration always exists."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from dayfile.api import auth, shapes
from dayfile.api.context import context_of
from dayfile.api.exports import READ
from dayfile.api.params import check_url, check_webhook_method, parse_flag, parse_parameters
from dayfile.api.receivers import check_receiver
from dayfile.api.request_bodies import read_form
from dayfile.api.responses import json_response
from dayfile.api.urls import Urls
from dayfile.model.credential import Permission
from dayfile.model.export import ConfigurationChange
from dayfile.model.resource import parse_resource_type

_PARAMETERS = ("Enabled", "WebhookUrl", "WebhookMethod")

router = APIRouter()


@router.api_route("/v1/Exports/{resource_type}/Configuration", methods=READ)
def fetch_configuration(request: Request, resource_type: str) -> Response:
    """Fetch the configuration; before its first change everything is off."""
    context, account = context_of(request), auth.customer(request, Permission.EXPORTS_READ)
    kind = parse_resource_type(resource_type)
    with context.database.snapshot() as tx:
        configuration = tx.configurations.get(account.sid, kind)
    return json_response(shapes.configuration_shape(Urls(context.public_url), configuration))


@router.post("/v1/Exports/{resource_type}/Configuration")
async def update_configuration(request: Request, resource_type: str) -> Response:
    """Change the parameters that are given, possibly none, and leave the others as they are."""
    form = await read_form(request)
    return await run_in_threadpool(_update_configuration, request, resource_type, form)


def _update_configuration(request: Request, resource_type: str, form: bytes) -> Response:
    context, account = context_of(request), auth.customer(request, Permission.CONFIGURATION_WRITE)
    kind = parse_resource_type(resource_type)
    change = parse_configuration_change(form)
    check_receiver(change.webhook_url, context.destinations)
    configuration = context.configuring.change(account.sid, kind, change, actor=auth.actor(request))
    return json_response(shapes.configuration_shape(Urls(context.public_url), configuration))


def parse_configuration_change(form: bytes) -> ConfigurationChange:
    """Parse the changes of a form; raises Invalid, or InvalidParameter with the parameter, the rule and the value."""
    parameters = parse_parameters(form, known=_PARAMETERS)
    enabled, url, method = (parameters.get(name) for name in _PARAMETERS)
    return ConfigurationChange(
        enabled=None if enabled is None else parse_flag("Enabled", enabled),
        webhook_url=check_url("WebhookUrl", url) if url else url,
        webhook_method=check_webhook_method(method) if method else method,
    )
