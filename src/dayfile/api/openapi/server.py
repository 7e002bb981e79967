"""Operations about the server: health, error codes, this document. Dayfile's own."""

from __future__ import annotations

from dayfile.api.openapi.operation import Operation, answer, json_of
from dayfile.api.openapi.parameters import in_path, in_query
from dayfile.api.openapi.schemas import number, text

TAG = {
    "name": "Server",
    "description": "About the server itself, for everybody. These addresses are Dayfile's own.",
}

OPERATIONS = (
    Operation(
        name="FetchHealth",
        method="get",
        path="/healthz",
        tag=TAG["name"],
        summary="Ask whether it is alive",
        description="Answered as long as the process lives; it asks nobody else.",
        who=(),
        parameters=(),
        answers={200: json_of("Health", says="It is.")},
        failures=(),
    ),
    Operation(
        name="FetchReadiness",
        method="get",
        path="/readyz",
        tag=TAG["name"],
        summary="Ask whether it can work",
        description="Answered with 200 when the state database answers and is not damaged, and its disk and the object "
        "storage take more; with 503 and the reason when not.",
        who=(),
        parameters=(in_query("verbose", text("Present: tell an operator, and this machine itself, more.", "yes")),),
        answers={200: json_of("Readiness", says="It can.")},
        failures=(500, 503),
    ),
    Operation(
        name="FetchExplanation",
        method="get",
        path="/errors/{Code}",
        tag=TAG["name"],
        summary="Look up an error code",
        description="What happened and what to do: where `more_info` of each error leads. A page for browsers, JSON "
        "for everybody else.",
        who=(),
        parameters=(in_path("Code", number("The code.", 20404)),),
        answers={
            200: answer(
                says="The explanation.",
                content={
                    "application/json": {"schema": {"$ref": "#/components/schemas/Explanation"}},
                    "text/html": {"schema": {"type": "string"}},
                },
            )
        },
        failures=(400, 404),
    ),
    Operation(
        name="FetchDocument",
        method="get",
        path="/openapi.json",
        tag=TAG["name"],
        summary="Fetch this document",
        description="All that is said here, as OpenAPI 3.1, for tools that make clients and tests. /docs is its page.",
        who=(),
        parameters=(),
        answers={200: answer(says="The document.", content={"application/json": {"schema": {"type": "object"}}})},
        failures=(),
    ),
)
