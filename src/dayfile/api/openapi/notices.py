"""Operations on notices. Dayfile's own."""

from __future__ import annotations

from dayfile.api.openapi.operation import Operation, account, json_of, link
from dayfile.api.openapi.parameters import PAGES, in_path
from dayfile.api.openapi.schemas import EVENT_SID, EVENT_SID_PATTERN, text
from dayfile.model.credential import Permission

TAG = {
    "name": "Notices",
    "description": "A notice tells a webhook or an e-mail address that a job is over or a daily file is there. It is "
    "tried until it arrives. These addresses are Dayfile's own.",
}

_EVENT_SID_IN_PATH = in_path(
    "EventSid",
    text("The event's sid, as the receiver got it.", EVENT_SID, minLength=34, maxLength=34, pattern=EVENT_SID_PATTERN),
)

OPERATIONS = (
    Operation(
        name="ListNotice",
        method="get",
        path="/v1/Notices",
        tag=TAG["name"],
        summary="List notices",
        description="The account's notices, newest first; for a month after they ended, unless the operator has set "
        "another time.",
        who=(account(Permission.EXPORTS_READ),),
        parameters=PAGES,
        answers={
            200: json_of(
                "NoticeList",
                says="One page of them.",
                links={
                    "FetchNotice": link(
                        "FetchNotice", says="The newest, in full.", EventSid="$response.body#/notices/0/event_sid"
                    )
                },
            )
        },
        failures=(400, 401, 403, 429, 500, 503),
    ),
    Operation(
        name="FetchNotice",
        method="get",
        path="/v1/Notices/{EventSid}",
        tag=TAG["name"],
        summary="Fetch a notice",
        description="One notice, with every attempt: when it was made, what the receiver answered, how long it took.",
        who=(account(Permission.EXPORTS_READ),),
        parameters=(_EVENT_SID_IN_PATH,),
        answers={
            200: json_of(
                "FetchedNotice",
                says="The notice.",
                links={
                    "CreateAttempt": link("CreateAttempt", says="Tell it again.", EventSid="$request.path.EventSid")
                },
            )
        },
        failures=(400, 401, 403, 404, 429, 500, 503),
    ),
    Operation(
        name="CreateAttempt",
        method="post",
        path="/v1/Notices/{EventSid}/Attempts",
        tag=TAG["name"],
        summary="Tell it at once",
        description="Try a notice that has ended once more, under the same event sid, and by the whole schedule if "
        "that fails. Of one that is pending, the next attempt is brought forward; the schedule goes on after it.",
        who=(account(Permission.JOBS_WRITE),),
        parameters=(_EVENT_SID_IN_PATH,),
        answers={
            202: json_of(
                "Notice",
                says="The notice, pending. The attempt follows.",
                links={
                    "FetchNotice": link("FetchNotice", says="What came of it.", EventSid="$response.body#/event_sid")
                },
            )
        },
        failures=(400, 401, 403, 404, 429, 500, 503),
    ),
)
