"""Routes of export configurations: daily exports on or off, and their webhook. A configuration always exists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from dayfile.api import auth
from dayfile.api.context import context_of
from dayfile.api.export_bodies import ExportConfigurationBody
from dayfile.api.openapi.operation import EXPORTS, Answer, Operation, by_account, link
from dayfile.api.openapi.parameters import RESOURCE_TYPE_IN_PATH, WEBHOOK_FIELDS, form_body
from dayfile.api.openapi.schema import Node
from dayfile.api.request_bodies import read_form
from dayfile.api.responses import json_response
from dayfile.api.routes import Routes
from dayfile.model.credential import Permission
from dayfile.model.resource import parse_resource_type
from dayfile.web.export_forms import parse_configuration_change
from dayfile.web.params import check_receiver, parse_parameters
from dayfile.web.urls import Urls

_PARAMETERS: Final[Mapping[str, Node]] = {
    "Enabled": {
        "type": "boolean",
        "description": "True if each day's file is published automatically once the day is over.",
    },
    **WEBHOOK_FIELDS,
}
_FORM: Final = form_body(
    "The changes. Parameters that are not sent stay as they are.",
    {"properties": _PARAMETERS},
    example={"Enabled": "true"},
    is_required=False,
)

routes = Routes()


@routes.add(
    Operation(
        name="FetchExportConfiguration",
        method="get",
        path="/v1/Exports/{ResourceType}/Configuration",
        tag=EXPORTS,
        summary="Fetch a configuration",
        description="Shows whether daily files are published, and who is told. A configuration always exists; until "
        "it is changed, daily files are off.",
        who=(by_account(Permission.EXPORTS_READ),),
        parameters=(RESOURCE_TYPE_IN_PATH,),
        answers={200: Answer(ExportConfigurationBody, says="The configuration.")},
        failures=(400, 401, 403, 404, 429, 500, 503),
    ),
    only_reads=True,
)
def fetch_configuration(request: Request, resource_type: str) -> Response:
    """Fetch the configuration; before its first change everything is off."""
    context, account = context_of(request), auth.customer(request, Permission.EXPORTS_READ)
    kind = parse_resource_type(resource_type)
    with context.database.snapshot() as tx:
        configuration = tx.configurations.get(account.sid, kind)
    return json_response(ExportConfigurationBody.of(Urls(context.public_url), configuration))


@routes.add(
    Operation(
        name="UpdateExportConfiguration",
        method="post",
        path="/v1/Exports/{ResourceType}/Configuration",
        tag=EXPORTS,
        summary="Update a configuration",
        description="Parameters that are not sent stay as they are; an empty text removes a value. After the change "
        "there must be both a webhook URL and its method, or neither. From the day on which daily files are enabled, "
        "each day's file is published as soon as the day is sealed; earlier days need a job. Disabling them removes "
        "no file.",
        who=(by_account(Permission.CONFIGURATION_WRITE),),
        parameters=(RESOURCE_TYPE_IN_PATH,),
        body=_FORM,
        answers={
            200: Answer(
                ExportConfigurationBody,
                says="The configuration as it is now.",
                links={
                    "FetchExportConfiguration": link(
                        "FetchExportConfiguration",
                        says="It is there to be fetched.",
                        ResourceType="$request.path.ResourceType",
                    ),
                    "ListDay": link(
                        "ListDay", says="Where daily files come in.", ResourceType="$request.path.ResourceType"
                    ),
                },
            )
        },
        failures=(400, 401, 403, 404, 413, 429, 500, 503),
    )
)
async def update_configuration(request: Request, resource_type: str) -> Response:
    """Change the parameters that are given, possibly none, and leave the others as they are."""
    form = await read_form(request)
    return await run_in_threadpool(_update_configuration, request, resource_type, form)


def _update_configuration(request: Request, resource_type: str, form: bytes) -> Response:
    context, account = context_of(request), auth.customer(request, Permission.CONFIGURATION_WRITE)
    kind = parse_resource_type(resource_type)
    change = parse_configuration_change(parse_parameters(form, known=_PARAMETERS))
    check_receiver(change.webhook_url, context.destinations)
    configuration = context.configuring.change(account.sid, kind, change, actor=auth.actor(request))
    return json_response(ExportConfigurationBody.of(Urls(context.public_url), configuration))
