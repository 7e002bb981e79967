"""What proves a day complete: count, sizes, hashes and times of its published file. Ours, not Twilio's."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from dayfile.api import shapes
from dayfile.api.answers import json_answer
from dayfile.api.context import context_of
from dayfile.api.exports import READ, published_day
from dayfile.api.urls import Urls
from dayfile.model.credential import Permission

router = APIRouter()


@router.api_route("/v1/Exports/{resource_type}/Days/{day}/Manifest", methods=READ)
def fetch_manifest(request: Request, resource_type: str, day: str) -> Response:
    """The manifest of the file that a link to this day would give now."""
    day_file = published_day(request, resource_type, day, permission=Permission.EXPORTS_READ)
    return json_answer(shapes.manifest_shape(Urls(context_of(request).public_url), day_file))
