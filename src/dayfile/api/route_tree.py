"""Routes by the parts of their paths, so that a request is compared with few of them and with no regular expression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from starlette.convertors import StringConvertor
from starlette.routing import Route

TAKES_SLASHES: Final = ":path}"
_VARIABLE: Final = "{"


class Place:
    """A route in the tree: its template, and which parts of a path are its variables."""

    __slots__ = ("_variables", "route", "template")

    def __init__(self, route: Route) -> None:
        self.route = route
        self.template = route.path.replace(TAKES_SLASHES, "}")
        parts = enumerate(route.path.split("/"))
        self._variables = [(part[1:-1], at) for at, part in parts if part.startswith(_VARIABLE)]

    def variables(self, parts: Sequence[str]) -> dict[str, Any]:
        """Return the variables of a path that is the route's."""
        return {name: parts[at] for name, at in self._variables}


class RouteTree:
    """Routes whose variables are whole parts of a path; a part that is named comes before one that is a variable."""

    __slots__ = ("_any", "_named", "_places")

    def __init__(self) -> None:
        self._named: dict[str, RouteTree] = {}
        self._any: RouteTree | None = None
        self._places: list[Place] = []

    def add(self, route: Route) -> None:
        """Add a route; raises TypeError for a variable that is not any text."""
        if not all(type(one) is StringConvertor for one in route.param_convertors.values()):
            raise TypeError(f"{route.path} has a variable that is not any text")
        self.put(Place(route), route.path.split("/"))

    def put(self, place: Place, parts: Sequence[str], at: int = 0) -> None:
        """Put a route below this node, by the parts of its path from `at` on."""
        if at == len(parts):
            self._places.append(place)
        elif parts[at].startswith(_VARIABLE):
            self._any = self._any or RouteTree()
            self._any.put(place, parts, at + 1)
        else:
            self._named.setdefault(parts[at], RouteTree()).put(place, parts, at + 1)

    def find(self, parts: Sequence[str], at: int = 0) -> list[Place]:
        """Return the routes of a path, in the order in which they count."""
        if at == len(parts):
            return self._places
        part = parts[at]
        named = self._named.get(part)
        found = [] if named is None else named.find(parts, at + 1)
        if self._any is None or not part:
            return found
        others = self._any.find(parts, at + 1)
        return found + others if found else others
