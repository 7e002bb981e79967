"""Routes of custom jobs: create, list, fetch, delete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from dayfile.api import auth
from dayfile.api.context import context_of
from dayfile.api.job_bodies import CustomJobBody, CustomJobListBody, JobBody, job_json
from dayfile.api.openapi.operation import JOBS, Answer, Operation, by_account, link
from dayfile.api.openapi.parameters import JOB_SID_IN_PATH, PAGES, RESOURCE_TYPE_IN_PATH, WEBHOOK_FIELDS, form_body
from dayfile.api.openapi.schema import DAY_PATTERN, Node
from dayfile.api.paging import Cursor, PageUrls, Position, Side, meta_json, parse_page_request, read_page
from dayfile.api.request_bodies import read_form
from dayfile.api.responses import json_response, list_response
from dayfile.api.routes import Routes
from dayfile.errors import NotFound
from dayfile.model.account import Account
from dayfile.model.credential import Permission
from dayfile.model.email import LONGEST_EMAIL
from dayfile.model.job import ListedJob, Queue, parse_job_sid
from dayfile.model.resource import ResourceType, parse_resource_type
from dayfile.store.transaction import Transaction
from dayfile.web.export_forms import LONGEST_NAME, parse_job_request
from dayfile.web.params import check_receiver, parse_parameters
from dayfile.web.queue_places import QueuePlaces, queue_of
from dayfile.web.urls import Urls

_PARAMETERS: Final[Mapping[str, Node]] = {
    "StartDay": {
        "type": "string",
        "format": "date",
        "pattern": DAY_PATTERN,
        "description": "The first day, UTC, yyyy-mm-dd. Not before 2010-01-01.",
    },
    "EndDay": {
        "type": "string",
        "format": "date",
        "pattern": DAY_PATTERN,
        "description": "The last day, included. At the latest two days before today, UTC.",
    },
    "FriendlyName": {
        "type": "string",
        "minLength": 1,
        "maxLength": LONGEST_NAME,
        "pattern": r"^[^\u0000]*$",
        "description": "Any name; the days that the job publishes are listed with it.",
    },
    **WEBHOOK_FIELDS,
    "Email": {
        "type": "string",
        "pattern": r"^([!-?A-~]+@[!-?A-~]+)?$",
        "maxLength": LONGEST_EMAIL,
        "description": "The e-mail address to write to when it is done.",
    },
}
_FORM: Final = form_body(
    "The job.",
    {
        "required": ["StartDay", "EndDay", "FriendlyName"],
        "dependentRequired": {"WebhookUrl": ["WebhookMethod"], "WebhookMethod": ["WebhookUrl"]},
        "properties": _PARAMETERS,
    },
    example={"StartDay": "2026-10-01", "EndDay": "2026-10-02", "FriendlyName": "october"},
    is_required=True,
)

routes = Routes()


@routes.add(
    Operation(
        name="CreateExportCustomJob",
        method="post",
        path="/v1/Exports/{ResourceType}/Jobs",
        tag=JOBS,
        summary="Create a job",
        description="Put a job over the days from `StartDay` to `EndDay`, both included, into the queue. Each of them "
        "becomes a day that can be downloaded, even one without records. An account and its subaccounts may ask for "
        "366 days per UTC day, unless the operator has set another quota; the error says how many are left.",
        who=(by_account(Permission.JOBS_WRITE),),
        parameters=(RESOURCE_TYPE_IN_PATH,),
        body=_FORM,
        answers={
            201: Answer(
                CustomJobBody,
                says="The job, with its place in the queue.",
                links={
                    "FetchJob": link("FetchJob", says="Follow it.", JobSid="$response.body#/job_sid"),
                    "DeleteJob": link("DeleteJob", says="Stop it.", JobSid="$response.body#/job_sid"),
                    "ListExportCustomJob": link(
                        "ListExportCustomJob", says="It comes first.", ResourceType="$request.path.ResourceType"
                    ),
                    "ListDay": link(
                        "ListDay", says="Where its days come in.", ResourceType="$request.path.ResourceType"
                    ),
                },
            )
        },
        failures=(400, 401, 403, 404, 413, 429, 500, 503),
    )
)
async def create_job(request: Request, resource_type: str) -> Response:
    """Put a job into the queue."""
    form = await read_form(request)
    return await run_in_threadpool(_create_job, request, resource_type, form)


def _create_job(request: Request, resource_type: str, form: bytes) -> Response:
    context, account = context_of(request), auth.customer(request, Permission.JOBS_WRITE)
    kind, now = parse_resource_type(resource_type), context.clock.now()
    asked = parse_job_request(parse_parameters(form, known=_PARAMETERS), account, kind, now=now)
    check_receiver(asked.webhook_url, context.destinations)
    rate = request.app.state.queue_rate.per_second(context.database, now=now)
    # Read in the transaction of the submit: a worker may finish the job at once, and the response needs its position.
    queues: list[Queue] = []
    job = context.custom_jobs.submit(
        asked, actor=auth.actor(request), look=lambda tx, new: queues.append(queue_of([new], tx))
    )
    place = QueuePlaces(queues[0], rate, now).place(job)
    return json_response(CustomJobBody.created(job, place), status=201)


@routes.add(
    Operation(
        name="ListExportCustomJob",
        method="get",
        path="/v1/Exports/{ResourceType}/Jobs",
        tag=JOBS,
        summary="List jobs",
        description="The jobs of this type, newest first, until seven days after they are over.",
        who=(by_account(Permission.EXPORTS_READ),),
        parameters=(RESOURCE_TYPE_IN_PATH, *PAGES),
        answers={
            200: Answer(
                CustomJobListBody,
                says="One page of them.",
                links={
                    "FetchJob": link(
                        "FetchJob", says="The newest can be fetched.", JobSid="$response.body#/jobs/0/job_sid"
                    )
                },
            )
        },
        failures=(400, 401, 403, 404, 429, 500, 503),
    ),
    only_reads=True,
)
def list_jobs(request: Request, resource_type: str) -> Response:
    """List the account's jobs that are not over, or not for longer than their lifetime, newest first."""
    context, account = context_of(request), auth.customer(request, Permission.EXPORTS_READ)
    kind, now = parse_resource_type(resource_type), context.clock.now()
    urls = Urls(context.public_url)
    pages = PageUrls(url=urls.export_custom_jobs(kind), tokens=context.page_tokens, of=f"{account.sid} {kind} jobs")
    asked = parse_page_request(request.scope["query_string"], pages.tokens, of=pages.of)
    with context.database.snapshot() as tx:
        listing = _JobListing(tx, account, kind, now - context.job_lifetime, remembering=asked.is_usual)
        page = read_page(listing, asked)
        places = QueuePlaces.of(page.items, tx, now=now, rate=request.app.state.queue_rate)
    if asked.is_usual:
        jobs = [job_json(job, kind, places) for job in page.items]
        return list_response(meta=meta_json(pages, asked, page.around, key="jobs"), key="jobs", items=jobs)
    bodies = [CustomJobBody.of(job, kind, places.place(job)) for job in page.items]
    return json_response(CustomJobListBody(meta=pages.meta(asked, page.around, key="jobs"), jobs=bodies))


@routes.add(
    Operation(
        name="FetchJob",
        method="get",
        path="/v1/Exports/Jobs/{JobSid}",
        tag=JOBS,
        summary="Fetch a job",
        description="One job, with the status of its days. It is over when all of them have a final status.",
        who=(by_account(Permission.EXPORTS_READ),),
        parameters=(JOB_SID_IN_PATH,),
        answers={
            200: Answer(
                JobBody,
                says="The job.",
                links={"DeleteJob": link("DeleteJob", says="Stop it.", JobSid="$request.path.JobSid")},
            )
        },
        failures=(400, 401, 403, 404, 429, 500, 503),
    ),
    only_reads=True,
)
def fetch_job(request: Request, job_sid: str) -> Response:
    """Fetch one job, with the status of its days."""
    context, account = context_of(request), auth.customer(request, Permission.EXPORTS_READ)
    sid, now = parse_job_sid(job_sid), context.clock.now()
    with context.database.snapshot() as tx:
        found = tx.listed_jobs.find(account.sid, sid, over_since=now - context.job_lifetime)
        if found is None:
            raise NotFound(f"there is no job {sid}")
        job, rate = found.job, request.app.state.queue_rate
        place = QueuePlaces.of([job], tx, now=now, rate=rate, queue=found.queue).place(job)
    return json_response(JobBody.of(Urls(context.public_url), job, found.details, place))


@routes.add(
    Operation(
        name="DeleteJob",
        method="delete",
        path="/v1/Exports/Jobs/{JobSid}",
        tag=JOBS,
        summary="Delete a job",
        description="Stop a job and take it off the list. Days that it has published stay; no quota is given back. "
        "While days of it are still running, the job is shown and can be deleted again; after that, both requests get "
        "404.",
        who=(by_account(Permission.JOBS_WRITE),),
        parameters=(JOB_SID_IN_PATH,),
        answers={
            204: Answer(
                says="It is gone.",
                links={"FetchJob": link("FetchJob", says="Is answered with 404.", JobSid="$request.path.JobSid")},
            )
        },
        failures=(400, 401, 403, 404, 429, 500, 503),
    )
)
def delete_job(request: Request, job_sid: str) -> Response:
    """Cancel a job and take it off the list; files that it has published stay."""
    account = auth.customer(request, Permission.JOBS_WRITE)
    context_of(request).custom_jobs.delete(account.sid, parse_job_sid(job_sid), actor=auth.actor(request))
    return Response(status_code=204)


@dataclass(frozen=True, slots=True)
class _JobListing:
    """The list of an account's jobs of one type."""

    tx: Transaction
    account: Account
    resource_type: ResourceType
    over_since: datetime
    remembering: bool

    def read(self, cursor: Cursor | None, *, offset: int, limit: int) -> list[ListedJob]:
        # Newest first: the jobs after one on the list were submitted before it.
        return self.tx.listed_jobs.page(
            self.account.sid,
            self.resource_type,
            before=cursor.position.rank if cursor and cursor.side is Side.AFTER else None,
            after=cursor.position.rank if cursor and cursor.side is Side.BEFORE else None,
            offset=offset,
            limit=limit,
            over_since=self.over_since,
            remembering=self.remembering,
        )

    def position(self, item: ListedJob) -> Position:
        return Position(item.submit_number)
