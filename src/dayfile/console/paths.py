"""Paths that pages of the console lead to, and the answer that leads there."""

from __future__ import annotations

from typing import Final

from starlette.responses import RedirectResponse, Response

CONSOLE_PATH: Final = "/console"
OPERATOR_PATH: Final = "/operator"
SIGN_IN_PATH: Final = "/console/sign-in"
SIGN_OUT_PATH: Final = "/console/sign-out"
NO_STORE: Final = {"Cache-Control": "no-store"}


def lead_to(path: str) -> Response:
    """Return the answer that leads to a page, which is asked for with GET: reloading it sends no form again."""
    return RedirectResponse(path, status_code=303, headers=NO_STORE)
