"""The console of the operator: all pages under `/operator` but the first one.

Apart, because it imports all of them, and none of them needs it.
"""

from __future__ import annotations

from starlette.routing import Route

from dayfile.console.instance import OperatorInstance
from dayfile.console.operator_accounts import account_routes
from dayfile.console.operator_damage import damage_routes
from dayfile.console.operator_instance import instance_routes
from dayfile.console.operator_keys import key_routes
from dayfile.console.visit import OperatorRoutes


def operator_pages(instance: OperatorInstance) -> list[Route]:
    """Return the routes of the operator's pages."""
    routes = OperatorRoutes(instance)
    return [*account_routes(routes), *key_routes(routes), *damage_routes(routes), *instance_routes(routes)]
