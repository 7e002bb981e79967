"""Routes by the parts of their paths: the same that Starlette finds, one after the other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response
from starlette.routing import Route

from dayfile.api.route_tree import RouteTree
from dayfile.api.routes import in_order_of_matching

PARTS = ["a", "b", "{One}", "{Two}"]
TEMPLATES = st.lists(st.sampled_from(PARTS), min_size=1, max_size=4, unique=True).map(
    lambda parts: "/" + "/".join(parts)
)
PATHS = st.lists(st.sampled_from(["a", "b", "c", "", "{One}"]), max_size=5).map(lambda parts: "/" + "/".join(parts))


def a_route(path: str) -> Route:
    """A route at a path."""
    return Route(path, lambda _: Response())


@given(templates=st.lists(TEMPLATES, max_size=8, unique=True), path=PATHS)
def test_it_finds_what_starlette_finds_and_in_the_same_order(templates: list[str], path: str) -> None:
    """Starlette compares a path with each route, the ones that name most of it first."""
    routes, tree = in_order_of_matching([a_route(template) for template in templates]), RouteTree()
    for route in routes:
        tree.add(route)
    expected = [(route, found) for route in routes if (found := route.path_regex.match(path)) is not None]
    parts = path.split("/")
    places = tree.find(parts)
    # Which comes first is only said for routes that differ in what they name.
    assert {place.route.path for place in places} == {route.path for route, _ in expected}
    assert [_named(place.route) for place in places] == [_named(route) for route, _ in expected]
    variables = {place.route.path: place.variables(parts) for place in places}
    assert variables == {route.path: found.groupdict() for route, found in expected}


def test_a_variable_of_a_kind_is_refused() -> None:
    """It would be given as text, whatever it says that it is."""
    with pytest.raises(TypeError, match="any text"):
        RouteTree().add(a_route("/a/{Number:int}"))


def _named(route: Route) -> list[bool]:
    return [part.startswith("{") for part in route.path.split("/")]
