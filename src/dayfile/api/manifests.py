"""Route of manifests: count, sizes, hashes and times that prove a published file complete. Not Twilio's.

Apart, because each group of routes has a module of its own.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from dayfile.api import shapes
from dayfile.api.context import context_of
from dayfile.api.exports import READ, published_day
from dayfile.api.responses import json_response
from dayfile.api.urls import Urls
from dayfile.model.credential import Permission

router = APIRouter()


@router.api_route("/v1/Exports/{resource_type}/Days/{day}/Manifest", methods=READ)
def fetch_manifest(request: Request, resource_type: str, day: str) -> Response:
    """Fetch the manifest of the day's currently published file."""
    day_file = published_day(request, resource_type, day, permission=Permission.EXPORTS_READ)
    return json_response(shapes.manifest_shape(Urls(context_of(request).public_url), day_file))
