"""The console: all pages of customers, under `/console`, but the sign-in.

Apart, because it imports all of them, and none of them needs it.
"""

from __future__ import annotations

from starlette.routing import Route

from dayfile.console.daily_pages import daily_routes
from dayfile.console.file_pages import file_routes
from dayfile.console.instance import CustomerInstance
from dayfile.console.job_pages import job_routes
from dayfile.console.notice_pages import notice_routes
from dayfile.console.overview import overview_routes
from dayfile.console.sheets import library_route
from dayfile.console.visit import CustomerRoutes


def customer_pages(instance: CustomerInstance) -> list[Route]:
    """Return the routes of the pages of customers."""
    routes = CustomerRoutes(instance)
    return [
        *overview_routes(routes),
        *file_routes(routes),
        *job_routes(routes),
        *daily_routes(routes),
        *notice_routes(routes),
        library_route(),
    ]
