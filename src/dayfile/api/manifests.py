"""Route of manifests: count, sizes, hashes and times that prove a published file complete. Not Twilio's.

Apart, because each group of routes has a module of its own.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from dayfile.api.context import context_of
from dayfile.api.export_bodies import ManifestBody
from dayfile.api.exports import published_day
from dayfile.api.openapi.operation import FILES, Answer, Operation, by_account
from dayfile.api.openapi.parameters import DAY_IN_PATH, RESOURCE_TYPE_IN_PATH
from dayfile.api.responses import json_response
from dayfile.api.routes import Routes
from dayfile.api.urls import Urls
from dayfile.model.credential import Permission

routes = Routes()


@routes.add(
    Operation(
        name="FetchManifest",
        method="get",
        path="/v1/Exports/{ResourceType}/Days/{Day}/Manifest",
        tag=FILES,
        summary="Fetch a manifest",
        description="Count, sizes, hashes and times of the file that a link to this day gives now.",
        who=(by_account(Permission.EXPORTS_READ),),
        parameters=(RESOURCE_TYPE_IN_PATH, DAY_IN_PATH),
        answers={200: Answer(ManifestBody, says="The manifest.")},
        failures=(400, 401, 403, 404, 429, 500, 503),
    )
)
def fetch_manifest(request: Request, resource_type: str, day: str) -> Response:
    """Fetch the manifest of the day's currently published file."""
    day_file = published_day(request, resource_type, day, permission=Permission.EXPORTS_READ)
    return json_response(ManifestBody.of(Urls(context_of(request).public_url), day_file))
