"""The server that a customer's command speaks to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dayfile.clock import SystemClock

if TYPE_CHECKING:
    from dayfile.cli.client import BulkExports


def server_at(url: str, account_sid: str, auth_token: str) -> BulkExports:
    """The BulkExports server at an address, as one account sees it; nothing is asked of it yet."""
    from dayfile.cli.client import BulkExports, Login

    return BulkExports(Login(url=url, username=account_sid, password=auth_token), clock=SystemClock())
