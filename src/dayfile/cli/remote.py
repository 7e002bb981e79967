"""The server that the customer's commands connect to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from dayfile.clock import SystemClock

if TYPE_CHECKING:
    from dayfile.cli.client import BulkExports


def server_at(url: str | None, account_sid: str | None, auth_token: str | None) -> BulkExports:
    """Return a client for one account of the BulkExports server at a URL; it sends no request yet."""
    from dayfile.cli.client import BulkExports, Login

    if not url or not account_sid or not auth_token:
        raise typer.BadParameter(
            "DAYFILE_URL, DAYFILE_ACCOUNT_SID or DAYFILE_AUTH_TOKEN is missing, or the option for it"
        )
    return BulkExports(Login(url=url, username=account_sid, password=auth_token), clock=SystemClock())
