"""twilio-python, driven from outside: one request per line comes in as JSON, one answer per line goes out.

A program of its own, so that any version of the library can run it. It knows nothing of the tests: each operation is
the line that a customer would write.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import twilio
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

OPERATIONS: dict[str, Callable[..., Any]] = {
    "fetch_export": lambda v1, type_: v1.exports(type_).fetch(),
    "fetch_configuration": lambda v1, type_: v1.export_configuration(type_).fetch(),
    "update_configuration": lambda v1, type_, **changes: v1.export_configuration(type_).update(**changes),
    "list_days": lambda v1, type_, **how: v1.exports(type_).days.list(**how),
    "stream_days": lambda v1, type_, **how: list(v1.exports(type_).days.stream(**how)),
    "fetch_day": lambda v1, type_, day: v1.exports(type_).days(day).fetch(),
    "list_jobs": lambda v1, type_, **how: v1.exports(type_).export_custom_jobs.list(**how),
    "create_job": lambda v1, type_, **form: v1.exports(type_).export_custom_jobs.create(**form),
    "fetch_job": lambda v1, sid: v1.exports.jobs(sid).fetch(),
    "delete_job": lambda v1, sid: v1.exports.jobs(sid).delete(),
}


def call(request: dict[str, Any]) -> Any:
    """Call one operation with the credentials of the request."""
    if request["operation"] == "version":
        return twilio.__version__
    client = Client(request["username"], request["password"], account_sid=request["account_sid"])
    if request["base_url"]:
        client.bulkexports.base_url = request["base_url"]
    return OPERATIONS[request["operation"]](client.bulkexports.v1, *request["words"], **request["options"])


def shown(answer: Any) -> Any:
    """A resource as its public attributes."""
    if isinstance(answer, list):
        return [shown(one) for one in answer]
    if hasattr(answer, "__dict__"):
        return {name: value for name, value in vars(answer).items() if not name.startswith("_")}
    return answer


for line in sys.stdin:
    try:
        reply: dict[str, Any] = {"answer": shown(call(json.loads(line)))}
    except TwilioRestException as error:
        reply = {"refused": {"status": error.status, "code": error.code, "message": error.msg}}
    sys.stdout.write(json.dumps(reply) + "\n")
    sys.stdout.flush()
