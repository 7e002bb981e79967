"""Whether the server is alive, and whether it can work: for whoever starts, watches and balances servers."""

from __future__ import annotations

import threading

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from dayfile.api.answers import json_answer
from dayfile.api.context import Context, context_of
from dayfile.api.exports import READ
from dayfile.errors import Transient
from dayfile.objects.layout import UNIQUE_DIGITS, probe_key

FRESH_FOR_SECONDS = 1.0
PATIENCE_SECONDS = 2.0

router = APIRouter()


@router.api_route("/healthz", methods=READ)
async def alive() -> Response:
    """200 as long as the server answers at all; it asks nobody else."""
    return json_answer({"status": "ok"})


@router.api_route("/readyz", methods=READ)
def ready(request: Request) -> Response:
    """200 when the state database answers, is whole as far as it was read, and its disk and the object storage take
    more; 503, saying which of them does not.
    """
    readiness: Readiness = request.app.state.readiness
    readiness.check(context_of(request))
    return json_answer({"status": "ok"})


class Readiness:
    """Asks the database and the storage, at most once a second: the address is open to everybody."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._good_until = float("-inf")

    def check(self, context: Context) -> None:
        """Returns when both work; raises a Transient error, which names the one that does not."""
        if not self._lock.acquire(timeout=PATIENCE_SECONDS):
            # Waiting on would only bind more threads to whatever hangs.
            raise Transient("an earlier check still waits for the database or the storage")
        try:
            if context.clock.monotonic() >= self._good_until:
                context.database.probe()
                _ask_storage(context)
                self._good_until = context.clock.monotonic() + FRESH_FOR_SECONDS
        finally:
            self._lock.release()


def _ask_storage(context: Context) -> None:
    key = probe_key(context.randomness.hex(UNIQUE_DIGITS))
    context.storage.put(key, [b"dayfile"])
    context.storage.delete([key])
