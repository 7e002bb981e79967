"""Health checks, liveness and readiness, for supervisors, monitoring and load balancers."""

from __future__ import annotations

import threading
from typing import Annotated, Final

from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from dayfile.api.body import Body
from dayfile.api.context import Context, context_of
from dayfile.api.openapi.operation import SERVER, Answer, Operation
from dayfile.api.openapi.parameters import in_query
from dayfile.api.openapi.schema import text
from dayfile.api.responses import json_response, members_response
from dayfile.api.routes import Routes
from dayfile.checks.condition import condition_of
from dayfile.errors import Transient
from dayfile.web.audience import Audience, stranger, visitor_of

FRESH_FOR_SECONDS = 1.0
PATIENCE_SECONDS = 2.0


class HealthBody(Body, frozen=True, kw_only=True):
    """The server is alive."""

    status: Annotated[str, text("How it is.", "ok", enum=["ok"])]


class CheckResult(Body, frozen=True, kw_only=True):
    """One check."""

    # Beside these, each check has figures of its own, which `_verbose` adds.
    status: Annotated[str, text("How it is.", "ok", enum=["ok", "warning", "bad"])]
    text: Annotated[str, text("A sentence about it.", "1 running")]


class ReadinessBody(Body, frozen=True, kw_only=True):
    """The instance can work. With `verbose`, operators and clients on this machine also get every check: its `status`,
    a `text`, and figures of its own.
    """

    status: Annotated[
        str, text("`degraded` if the instance answers and a check has a problem.", "ok", enum=["ok", "degraded"])
    ]
    checks: (
        Annotated[
            dict[str, CheckResult],
            Meta(description="The checks by name.", examples=[{"workers": {"status": "ok", "text": "1 running"}}]),
        ]
        | UnsetType
    ) = UNSET


_ALIVE: Final = json_response(HealthBody(status="ok"))

routes = Routes()


@routes.add(
    Operation(
        name="FetchHealth",
        method="get",
        path="/healthz",
        tag=SERVER,
        summary="Check that the server is alive",
        description="Answers 200 as long as the process runs; it depends on nothing else.",
        answers={200: Answer(HealthBody, says="It is.")},
    )
)
async def alive(_: Request) -> Response:
    """Answer 200 as long as the server runs; it depends on nothing else."""
    return _ALIVE


@routes.add(
    Operation(
        name="FetchReadiness",
        method="get",
        path="/readyz",
        tag=SERVER,
        summary="Check that the instance can work",
        description="Answers 200 if the state database answers and shows no damage, and its disk and the object "
        "storage accept writes; otherwise 503 with the reason.",
        parameters=(
            in_query("verbose", text("Show every check to an operator, or to a client on this machine.", "yes")),
        ),
        answers={200: Answer(ReadinessBody, says="It can.")},
        failures=(500, 503),
    )
)
def ready(request: Request) -> Response:
    """Answer 200 if the instance can work; 503 with the reason if it cannot.

    It can if the state database answers and shows no damage, and its disk and the object storage accept writes. With
    `?verbose` an operator and this machine see the vital signs as well; the status is the same, since a balancer that
    asks must not take away servers that answer.
    """
    context = context_of(request)
    if _is_verbose(request) and _may_see_more(request, context):
        return _verbose(context)
    readiness: Readiness = request.app.state.readiness
    readiness.check(context)
    return json_response(ReadinessBody(status="ok"))


def _is_verbose(request: Request) -> bool:
    return request.query_params.get("verbose", "no").lower() not in {"no", "0", "false", "off"}


def _may_see_more(request: Request, context: Context) -> bool:
    try:
        visitor = visitor_of(request, context)
    except Transient:
        visitor = stranger(request, context)
    return visitor.audience >= Audience.THIS_MACHINE


def _verbose(context: Context) -> Response:
    condition = condition_of(context.vitals, database=context.database.probe, storage=context.storage_probe.write)
    checks = {sign.name: CheckResult(status=sign.status, text=sign.text) for sign in condition.all_signs}
    members = ReadinessBody(status=condition.status, checks=checks).members()
    for sign in condition.all_signs:
        members["checks"][sign.name] |= sign.facts
    return members_response(members, status=200 if condition.is_ready else 503, headers={"Cache-Control": "no-store"})


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
                context.storage_probe.write()
                self._good_until = context.clock.monotonic() + FRESH_FOR_SECONDS
        finally:
            self._lock.release()
