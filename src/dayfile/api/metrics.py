"""Metrics for an operator's key, at the address of the API.

Apart, because it is no operation: the document describes what customers and programs of theirs call.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from dayfile.api.auth import caller
from dayfile.api.context import context_of
from dayfile.api.routes import Routes
from dayfile.errors import Forbidden
from dayfile.web.metrics import PATH

routes = Routes()


@routes.add_page(PATH)
def metrics(request: Request) -> Response:
    """Answer an operator's key, of whatever scope; raises what `caller` raises, and Forbidden for an account's."""
    if caller(request).account is not None:
        raise Forbidden("metrics are about the whole instance: they need a key of the operator")
    return context_of(request).metrics.answer()
