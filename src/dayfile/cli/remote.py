"""The server that the customer's commands connect to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dayfile.clock import SystemClock

if TYPE_CHECKING:
    from dayfile.cli.client import BulkExports


def server_at(url: str, account_sid: str, auth_token: str) -> BulkExports:
    """Return a client for one account of the BulkExports server at a URL; it sends no request yet."""
    from dayfile.cli.client import BulkExports, Login

    return BulkExports(Login(url=url, username=account_sid, password=auth_token), clock=SystemClock())
