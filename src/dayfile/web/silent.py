"""The HTTP of a connection that has not received a byte yet.

Apart, because a connection that is silent must hold nothing else: there may be thousands of them.
"""

from __future__ import annotations

from typing import Any

from dayfile.web.limits import Limits
from dayfile.web.stage import Stage


class Silent:
    """A placeholder that waits for the first byte and holds no memory meanwhile."""

    __slots__ = ("missing_bytes",)

    stage = Stage.HEAD
    is_authorized = False
    has_queue = False
    held_bytes = 0

    def __init__(self, limits: Limits) -> None:
        self.missing_bytes = limits.unauthorized_body_bytes  # may be read at first

    def connection_made(self, transport: Any) -> None:
        """Do nothing."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Do nothing."""

    def data_received(self, data: Any) -> None:
        """Do nothing: with the first byte, a BoundedHttp takes the place of this one."""

    def pause_writing(self) -> None:
        """Do nothing."""

    def resume_writing(self) -> None:
        """Do nothing."""

    def refuse(self, status: int, message: str) -> None:
        """Do nothing: a connection that never sent a byte is closed without a response."""
