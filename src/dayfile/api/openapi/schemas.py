"""JSON Schemas of response bodies, as `shapes.py` makes them. Twilio's are closed, Dayfile's own are open."""

from __future__ import annotations

from collections.abc import Mapping

from dayfile.api.openapi.operation import Node, schema
from dayfile.api.paging import LARGEST_NUMBER, LARGEST_SIZE
from dayfile.api.shapes import LARGEST_SIZE as LARGEST_FILE_SIZE
from dayfile.model.job import Status
from dayfile.model.notice import Channel, NoticeEvent, NoticeState, Result
from dayfile.model.receipt import LISTED_REJECTIONS
from dayfile.model.resource import RESOURCE_TYPES

JOB_SID_PATTERN = "^JS[0-9a-fA-F]{32}$"
DAY_PATTERN = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
EVENT_SID_PATTERN = "^EV[0-9a-fA-F]{32}$"
EVENT_SID = "EV0123456789abcdef0123456789abcdef"
JOB_SID = "JS0123456789abcdef0123456789abcdef"
ACCOUNT_SID = "AC0123456789abcdef0123456789abcdef"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def text(says: str, example: str, **rules: object) -> Node:
    """Return the schema of a text."""
    return {"type": "string", "description": says, "examples": [example], **rules}


def url(says: str, path: str) -> Node:
    """Return the schema of an absolute URL below the public base URL."""
    return text(says, f"http://localhost:8080{path}", format="uri")


def number(says: str, example: int, **rules: object) -> Node:
    """Return the schema of a whole number."""
    return {"type": "integer", "description": says, "examples": [example], **rules}


def day(says: str, example: str = "2026-10-01") -> Node:
    """Return the schema of a UTC date."""
    return text(says, example, format="date", pattern=DAY_PATTERN)


def or_null(node: Node) -> Node:
    """Return the schema of a node or null; the examples stay those of the node."""
    kinds = {"type": [node["type"], "null"]}
    return {**node, **kinds, **({"enum": [*node["enum"], None]} if "enum" in node else {})}


def body(says: str, /, **members: Node) -> Node:
    """Return the schema of an object with exactly these members, all of them required."""
    return {**open_body(says, **members), "additionalProperties": False}


def open_body(says: str, /, **members: Node) -> Node:
    """Return the schema of an object that always has these members and may have others."""
    return {"type": "object", "description": says, "required": list(members), "properties": members}


def page(says: str, key: str, items: str) -> Node:
    """Return the schema of one page of a list."""
    return body(says, meta=schema("Meta"), **{key: {"type": "array", "items": schema(items)}})


RESOURCE_TYPE: Node = text(
    "The type of the records.", "Messages", enum=[resource_type.name for resource_type in RESOURCE_TYPES]
)

_WEBHOOK_METHOD: Node = or_null(text("How the webhook is called, as it was given.", "POST", enum=["GET", "POST"]))

_JOB: dict[str, Node] = {
    "start_day": day("The first day of the job."),
    "job_sid": text("The job's sid.", JOB_SID, minLength=34, maxLength=34, pattern=JOB_SID_PATTERN),
    "friendly_name": text("The name that the job was given.", "october"),
    "webhook_method": _WEBHOOK_METHOD,
    "details": {
        "type": ["array", "null"],
        "description": "The days of the job, grouped by their status. A job has no other status than this. Null in the "
        "answer that creates the job.",
        "items": schema("JobDetail"),
    },
    "end_day": day("The last day of the job.", "2026-10-02"),
    "webhook_url": or_null(text("The webhook, as it was given.", "https://example.com/hook")),
    "email": or_null(text("The e-mail address, as it was given.", "someone@example.com")),
    "resource_type": RESOURCE_TYPE,
    "job_queue_position": or_null(
        text("1 is the next; it never rises. Null once the job is over.", "1", pattern="^[1-9][0-9]*$")
    ),
    "estimated_completion_time": or_null(
        text(
            "When the job will be done, as far as can be told, in UTC. Null once the job is over.",
            "2026-10-03T00:13:27.977",
            pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}$",
        )
    ),
}

_JOB_URL = {"url": url("The address of this job.", f"/v1/Exports/Jobs/{JOB_SID}")}
_FETCHED_JOB = (
    *("start_day", "job_sid", "url", "friendly_name", "end_day", "details", "webhook_url", "webhook_method", "email"),
    *("resource_type", "job_queue_position", "estimated_completion_time"),
)

_NOTICE: dict[str, Node] = {
    "event_sid": text("Names the event, on every attempt to tell it.", EVENT_SID, pattern=EVENT_SID_PATTERN),
    "account_sid": text("The account.", ACCOUNT_SID),
    "event_type": text("What happened.", "job.finished", enum=[event.value for event in NoticeEvent]),
    "channel": text("How it is told.", "webhook", enum=[channel.value for channel in Channel]),
    "receiver": text("Who is told: a URL or an e-mail address.", "https://example.com/hook"),
    "method": or_null(text("How a webhook is called.", "POST", enum=["GET", "POST"])),
    "resource_type": RESOURCE_TYPE,
    "friendly_name": text("Of the job, or of the daily file.", "october"),
    "job_sid": or_null(text("The job; null for a daily file.", JOB_SID, pattern=JOB_SID_PATTERN)),
    "day": or_null(day("The day of a daily file; null for a job.")),
    "state": text(
        "Pending until it is delivered, or stopped by the receiver, or exhausted: tried as often as the schedule says. "
        "A letter is unsent where this server has no mail server: its operator has it, and nobody else.",
        "delivered",
        enum=[state.value for state in NoticeState],
    ),
    "attempt_count": number("Attempts since it was written, or last told again.", 1, minimum=0),
    "date_created": text("When it happened.", "2026-10-03T08:12:44Z", format="date-time"),
    "date_next_attempt": or_null(
        text("When it is tried next, at the earliest; null when it has ended.", "2026-10-03T08:12:49Z")
    ),
    "date_ended": or_null(text("When it ended; null while it is pending.", "2026-10-03T08:12:44Z")),
    "url": url("The address of this notice.", f"/v1/Notices/{EVENT_SID}"),
}

SCHEMAS: Mapping[str, Node] = {
    "Export": body(
        "A resource type, and where its days and jobs are.",
        resource_type=RESOURCE_TYPE,
        url=url("The address of this answer.", "/v1/Exports/Messages"),
        links=body(
            "Addresses of what belongs to it.",
            days=url("The days that can be downloaded.", "/v1/Exports/Messages/Days"),
            export_custom_jobs=url("The jobs of this type.", "/v1/Exports/Messages/Jobs"),
            jobs=url("Where a single job is, followed by its sid.", "/v1/Exports/Jobs"),
        ),
    ),
    "ExportConfiguration": body(
        "What is done about a resource type every day.",
        url=url("The address of this configuration.", "/v1/Exports/Messages/Configuration"),
        enabled={
            "type": "boolean",
            "description": "Whether each day's file is published by itself once the day is over.",
            "examples": [True],
        },
        webhook_url=text("Who is told about each daily file; empty for nobody.", "https://example.com/hook"),
        webhook_method=text("How; empty for nobody.", "POST", enum=["GET", "POST", ""]),
        resource_type=RESOURCE_TYPE,
    ),
    "Day": body(
        "A day that can be downloaded.",
        friendly_name=text("The name of the job that published it; `Daily export` if none did.", "october"),
        create_date=day("When it was published.", "2026-10-03"),
        day=day("The UTC day of its records."),
        resource_type=RESOURCE_TYPE,
        size=number(
            f"The bytes of the gzip file; {LARGEST_FILE_SIZE} stands for that many or more, and the manifest has the "
            "true number.",
            1857,
            minimum=0,
            maximum=LARGEST_FILE_SIZE,
        ),
    ),
    "DayLink": body(
        "Where the file is.",
        redirect_to=url("The signed link; the header Location has it, too.", "/v1/Downloads/daily/day=2026-10-01/..."),
    ),
    "DayList": page("One page of the days, in the order in which they were published.", "days", "Day"),
    "JobDetail": body(
        "The days of a job that have one status.",
        status=text(
            "Final are Completed, CompletedEmptyRecords, Failed and DeletedByUserRequest; ErrorDuringRun will be tried "
            "again.",
            "Completed",
            enum=[status.value for status in Status],
        ),
        count=number("How many they are.", 2, minimum=1),
        days={"type": "array", "description": "Which they are.", "items": day("A day of the job.")},
    ),
    "CustomJob": body("A job as it is created and listed.", **_JOB),
    "Job": body("A job as it is fetched.", **{name: (_JOB | _JOB_URL)[name] for name in _FETCHED_JOB}),
    "CustomJobList": page("One page of the jobs, newest first.", "jobs", "CustomJob"),
    "Meta": body(
        "Where this page is in its list. Follow next_page_url until it is null.",
        page=number("The number of this page, from 0.", 0, minimum=0, maximum=LARGEST_NUMBER),
        page_size=number("How many items a page has at most.", 50, minimum=1, maximum=LARGEST_SIZE),
        first_page_url=url("The first page.", "/v1/Exports/Messages/Days?PageSize=50&Page=0"),
        previous_page_url=or_null(url("The page before; null on the first.", "/v1/Exports/Messages/Days?PageSize=50")),
        url=url("This page.", "/v1/Exports/Messages/Days?PageSize=50&Page=0"),
        next_page_url=or_null(url("The page after; null on the last.", "/v1/Exports/Messages/Days?PageSize=50")),
        key=text("The member that has the items.", "days", enum=["days", "jobs", "notices", "accounts"]),
    ),
    "Manifest": open_body(
        "What proves a day complete: the file that a link to it gives now.",
        account_sid=text("The account.", ACCOUNT_SID),
        resource_type=RESOURCE_TYPE,
        day=day("The UTC day of the records."),
        revision=number("Counts the times that the day's text has changed, from 1; 0 for no records.", 1, minimum=0),
        records=number("How many lines the file has.", 1204, minimum=0),
        size_bytes=number("The bytes of the gzip file.", 48213, minimum=0),
        sha256=text("Their SHA-256.", SHA256, pattern="^[0-9a-f]{64}$"),
        plain_bytes=number("The bytes of its text.", 412960, minimum=0),
        plain_sha256=text("Their SHA-256.", SHA256, pattern="^[0-9a-f]{64}$"),
        first_date_created=or_null(text("The first record's.", "2026-10-01T00:00:04Z", format="date-time")),
        last_date_created=or_null(text("The last record's.", "2026-10-01T23:59:58Z", format="date-time")),
        date_sealed=or_null(text("When this revision was made.", "2026-10-02T01:00:07Z", format="date-time")),
        encoder=text("What compressed it: the same encoder gives the same bytes.", "isal 1.8.0 level 1"),
        incomplete={
            "type": "boolean",
            "description": "Whether accepted records were lost to damage: this and all later revisions lack them.",
            "examples": [False],
        },
        friendly_name=text("As on the Days list.", "october"),
        date_created=text("When the day was published.", "2026-10-03T08:12:44Z", format="date-time"),
        date_expires=text("When it leaves the Days list.", "2026-10-10T08:12:44Z", format="date-time"),
        url=url("The address of this manifest.", "/v1/Exports/Messages/Days/2026-10-01/Manifest"),
    ),
    "Notice": open_body("Something that was told to somebody.", **_NOTICE),
    "NoticeList": page("One page of the notices, newest first.", "notices", "Notice"),
    "FetchedNotice": open_body(
        "A notice, with every attempt.",
        **_NOTICE,
        attempts={"type": "array", "description": "The attempts, in order.", "items": schema("Attempt")},
    ),
    "Attempt": open_body(
        "One try to tell a receiver.",
        number=number("1 for the first.", 1, minimum=1),
        date_began=text("When it was made.", "2026-10-03T08:12:44Z", format="date-time"),
        duration_ms=or_null(number("How long it took, in milliseconds; null while nobody knows.", 184, minimum=0)),
        outcome=text(
            "What came of it. `begun` for one that is under way, or whose end is not known and that was made again.",
            "delivered",
            enum=["begun", *(result.value for result in Result)],
        ),
        status_code=or_null(number("The status of the answer, if one came.", 200)),
        error=or_null(text("What went wrong, if anything did.", "no answer within 15 seconds")),
        answer=text("The first bytes of the answer, as text.", "thank you"),
    ),
    "Record": {
        "type": "object",
        "description": "A record as the REST API or an export has it. Beside the sids that name it and these three, it "
        "may have any field; docs/format.md says what becomes of each.",
        "required": ["account_sid", "date_created", "date_updated"],
        "properties": {
            "account_sid": text("Whose record it is.", ACCOUNT_SID),
            "date_created": text("Decides the day.", "2026-10-01T10:00:00Z"),
            "date_updated": text("Decides which of two versions is newer.", "2026-10-01T10:00:03Z"),
            "sid": text("Names a message, call or conference.", "SM0123456789abcdef0123456789abcdef"),
        },
    },
    "Receipt": open_body(
        "What became of a batch. It is given once what was accepted is durable.",
        sid=text("The receipt's sid.", "RC0123456789abcdef0123456789abcdef", pattern="^RC[0-9a-f]{32}$"),
        accepted=number("How many lines were taken.", 1000, minimum=0),
        rejected=number("How many were not; they are kept, and can be tried again.", 1, minimum=0),
        rejections={
            "type": "array",
            "description": f"The first {LISTED_REJECTIONS} of them.",
            "maxItems": LISTED_REJECTIONS,
            "items": open_body(
                "A line that was not accepted.",
                line=number("Its number, from 1.", 17, minimum=1),
                field=or_null(text("The field that breaks a rule; null for the whole line.", "date_created")),
                reason=text("The rule.", "must be given"),
            ),
        },
    ),
    "Health": open_body("It is well.", status=text("How it is.", "ok", enum=["ok"])),
    "Readiness": {
        "type": "object",
        "description": "It can work. To an operator who asks for more, with every check: its own `status`, which is "
        "ok, warning or bad, a `text`, and figures.",
        "required": ["status"],
        "properties": {
            "status": text(
                "How it is: degraded where it answers, and a check says more.", "ok", enum=["ok", "degraded"]
            ),
            "checks": {
                "type": "object",
                "description": "The checks by name.",
                "examples": [{"workers": {"status": "ok", "text": "1 running"}}],
                "additionalProperties": open_body(
                    "One check.",
                    status=text("How it is.", "ok", enum=["ok", "warning", "bad"]),
                    text=text("The same in words.", "1 running"),
                ),
            },
        },
    },
    "Explanation": open_body(
        "An error code in plain words.",
        code=number("The code.", 20404),
        title=text("Its name.", "Not found"),
        happened=text("What happened.", "There is nothing at this address for this account."),
        to_do=text("What to do about it.", "Check the address and whose credentials are used."),
    ),
    "Error": body(
        "What every request gets that fails: exactly these four members.",
        code=number("What is wrong; each code has a page.", 20404),
        message=text(
            "The same in words. It names the parameter, the rule and the value where there is one.",
            f"The requested resource /v1/Exports/Jobs/{JOB_SID} was not found",
        ),
        more_info=url("The page that explains the code.", "/errors/20404"),
        status=number("The HTTP status.", 404, minimum=400, maximum=599),
    ),
}
