"""Addresses that fail as a test wants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from starlette.requests import Request
from starlette.routing import Route


def raising(errors: Mapping[str, Exception]) -> Route:
    """Return the addresses /v1/Raised/NAME, each of which raises the error of that name."""

    def raise_it(request: Request) -> NoReturn:
        raise errors[request.path_params["name"]]

    return Route("/v1/Raised/{name}", raise_it)
