"""Health checks, liveness and readiness, for supervisors, monitoring and load balancers."""

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
    """Answer 200 as long as the server runs; it depends on nothing else."""
    return json_answer({"status": "ok"})


@router.api_route("/readyz", methods=READ)
def ready(request: Request) -> Response:
    """Answer 200 if the instance can work; 503 with the reason if it cannot.

    It can if the state database answers and shows no damage, and its disk and the object storage accept writes.
    """
    readiness: Readiness = request.app.state.readiness
    readiness.check(context_of(request))
    return json_answer({"status": "ok"})


class Readiness:
    """A probe of the database and the storage, run at most once a second, since anybody may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._good_until = float("-inf")

    def check(self, context: Context) -> None:
        """Return if both work; raises a Transient error that names the one that does not."""
        if not self._lock.acquire(timeout=PATIENCE_SECONDS):
            # Waiting longer would only tie up more threads.
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
