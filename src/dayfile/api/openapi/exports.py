"""Operations on exports: resource types, their days, and the configuration of daily exports."""

from __future__ import annotations

from dayfile.api.openapi.operation import Operation, account, json_of, link
from dayfile.api.openapi.parameters import CONFIGURATION_FORM, DAY_IN_PATH, PAGES, RESOURCE_TYPE_IN_PATH
from dayfile.model.credential import Permission

TAG = {
    "name": "Exports",
    "description": "The days of an account: one gzip file of JSON lines per resource type and UTC day.",
}

_READING = (400, 401, 403, 404, 429, 500, 503)

OPERATIONS = (
    Operation(
        name="FetchExport",
        method="get",
        path="/v1/Exports/{ResourceType}",
        tag=TAG["name"],
        summary="Fetch an export",
        description="The addresses of a resource type's days and jobs.",
        who=(account(Permission.EXPORTS_READ),),
        parameters=(RESOURCE_TYPE_IN_PATH,),
        answers={200: json_of("Export", says="The addresses.")},
        failures=_READING,
    ),
    Operation(
        name="ListDay",
        method="get",
        path="/v1/Exports/{ResourceType}/Days",
        tag=TAG["name"],
        summary="List days",
        description="The days that can be downloaded, in the order in which they were published. A day that is "
        "published again moves to the end. A day leaves the list seven days after it was published, unless the "
        "operator has set another time.",
        who=(account(Permission.EXPORTS_READ),),
        parameters=(RESOURCE_TYPE_IN_PATH, *PAGES),
        answers={
            200: json_of(
                "DayList",
                says="One page of them.",
                links={
                    "FetchDay": link(
                        "FetchDay",
                        says="The first of them can be downloaded.",
                        ResourceType="$request.path.ResourceType",
                        Day="$response.body#/days/0/day",
                    ),
                    "FetchManifest": link(
                        "FetchManifest",
                        says="And has a manifest.",
                        ResourceType="$request.path.ResourceType",
                        Day="$response.body#/days/0/day",
                    ),
                },
            )
        },
        failures=_READING,
    ),
    Operation(
        name="FetchDay",
        method="get",
        path="/v1/Exports/{ResourceType}/Days/{Day}",
        tag=TAG["name"],
        summary="Fetch a day",
        description="A link to the day's file, in the body and as `Location`. It needs no credentials, works any "
        "number of times until it expires (an hour, unless the operator has set another time), and always gives the "
        "same bytes. Each fetch gives a fresh one.",
        who=(account(Permission.DOWNLOADS_READ),),
        parameters=(RESOURCE_TYPE_IN_PATH, DAY_IN_PATH),
        answers={307: json_of("DayLink", says="The link.", headers=("Location",))},
        failures=_READING,
    ),
    Operation(
        name="FetchExportConfiguration",
        method="get",
        path="/v1/Exports/{ResourceType}/Configuration",
        tag=TAG["name"],
        summary="Fetch a configuration",
        description="Whether daily files are published, and who is told. It is always there; before it is set, daily "
        "files are off.",
        who=(account(Permission.EXPORTS_READ),),
        parameters=(RESOURCE_TYPE_IN_PATH,),
        answers={200: json_of("ExportConfiguration", says="The configuration.")},
        failures=_READING,
    ),
    Operation(
        name="UpdateExportConfiguration",
        method="post",
        path="/v1/Exports/{ResourceType}/Configuration",
        tag=TAG["name"],
        summary="Update a configuration",
        description="Only what is sent changes; an empty text clears. After the change there must be both a webhook "
        "URL and its method, or neither. From the day on in which it is enabled, each day's file is published as soon "
        "as the day is sealed; earlier days need a job. Switching it off touches no file.",
        who=(account(Permission.CONFIGURATION_WRITE),),
        parameters=(RESOURCE_TYPE_IN_PATH,),
        body=CONFIGURATION_FORM,
        answers={
            200: json_of(
                "ExportConfiguration",
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
        failures=(*_READING, 413),
    ),
)
