"""Routes of exports: an account's resource types, their day files, and manifests, which Twilio has not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from dayfile.api import auth
from dayfile.api.context import context_of
from dayfile.api.day_links import day_links_of, published_day
from dayfile.api.export_bodies import DayBody, DayLinkBody, DayListBody, ExportBody, ManifestBody, day_json
from dayfile.api.openapi.operation import EXPORTS, FILES, Answer, Operation, by_account, link
from dayfile.api.openapi.parameters import DAY_IN_PATH, PAGES, RESOURCE_TYPE_IN_PATH
from dayfile.api.paging import Cursor, PageUrls, Position, Side, meta_json, parse_page_request, read_page
from dayfile.api.responses import json_response, list_response
from dayfile.api.routes import Routes
from dayfile.model.account import Account
from dayfile.model.credential import Permission
from dayfile.model.day import Day
from dayfile.model.export import ListedDay
from dayfile.model.resource import ResourceType, parse_resource_type
from dayfile.store.transaction import Transaction
from dayfile.web.urls import Urls

routes = Routes()


@routes.add(
    Operation(
        name="FetchExport",
        method="get",
        path="/v1/Exports/{ResourceType}",
        tag=EXPORTS,
        summary="Fetch an export",
        description="The addresses of a resource type's days and jobs.",
        who=(by_account(Permission.EXPORTS_READ),),
        parameters=(RESOURCE_TYPE_IN_PATH,),
        answers={200: Answer(ExportBody, says="The addresses.")},
        failures=(400, 401, 403, 404, 429, 500, 503),
    ),
    only_reads=True,
)
def fetch_export(request: Request, resource_type: str) -> Response:
    """Fetch the URLs of a resource type's days and jobs."""
    auth.customer(request, Permission.EXPORTS_READ)
    urls = Urls(context_of(request).public_url)
    return json_response(ExportBody.of(urls, parse_resource_type(resource_type)))


@routes.add(
    Operation(
        name="ListDay",
        method="get",
        path="/v1/Exports/{ResourceType}/Days",
        tag=EXPORTS,
        summary="List days",
        description="The days that can be downloaded, in the order in which they were published. A day that is "
        "published again moves to the end. A day leaves the list seven days after it was published, unless the "
        "operator has set another time.",
        who=(by_account(Permission.EXPORTS_READ),),
        parameters=(RESOURCE_TYPE_IN_PATH, *PAGES),
        answers={
            200: Answer(
                DayListBody,
                says="One page of them.",
                links={
                    "FetchDay": link(
                        "FetchDay",
                        says="The first of them can be downloaded.",
                        ResourceType="$request.path.ResourceType",
                        Day="$response.body#/days/0/day",
                    ),
                    "FetchManifest": link(
                        "FetchManifest",
                        says="And has a manifest.",
                        ResourceType="$request.path.ResourceType",
                        Day="$response.body#/days/0/day",
                    ),
                },
            )
        },
        failures=(400, 401, 403, 404, 429, 500, 503),
    ),
    only_reads=True,
)
def list_days(request: Request, resource_type: str) -> Response:
    """List the account's day files in the order of their publication."""
    context, account = context_of(request), auth.customer(request, Permission.EXPORTS_READ)
    kind = parse_resource_type(resource_type)
    pages = PageUrls(
        url=Urls(context.public_url).days(kind), tokens=context.page_tokens, of=f"{account.sid} {kind} days"
    )
    asked = parse_page_request(request.scope["query_string"], pages.tokens, of=pages.of)
    now = context.clock.now()
    with context.database.snapshot() as tx:
        page = read_page(_DayListing(tx, account, kind, now, remembering=asked.is_usual), asked)
    if asked.is_usual:
        days = [day_json(listed, kind) for listed in page.items]
        return list_response(meta=meta_json(pages, asked, page.around, key="days"), key="days", items=days)
    bodies = [DayBody.of(listed, kind) for listed in page.items]
    return json_response(DayListBody(meta=pages.meta(asked, page.around, key="days"), days=bodies))


@routes.add(
    Operation(
        name="FetchDay",
        method="get",
        path="/v1/Exports/{ResourceType}/Days/{Day}",
        tag=EXPORTS,
        summary="Fetch a day",
        description="A link to the day's file, in the body and as `Location`. It needs no credentials, works any "
        "number of times until it expires (an hour, unless the operator has set another time), and always gives the "
        "same bytes. Each fetch gives a fresh one. It may lead to another host, an object store: never send "
        "credentials along.",
        who=(by_account(Permission.DOWNLOADS_READ),),
        parameters=(RESOURCE_TYPE_IN_PATH, DAY_IN_PATH),
        answers={307: Answer(DayLinkBody, says="The link.", headers=("Location",))},
        failures=(400, 401, 403, 404, 429, 500, 503),
    )
)
async def fetch_day(request: Request, _: str, __: str) -> Response:
    """Redirect to the day's file by a presigned link: in the body for Twilio's clients, in Location for others."""
    return await day_links_of(request).ask(request)


@routes.add(
    Operation(
        name="FetchManifest",
        method="get",
        path="/v1/Exports/{ResourceType}/Days/{Day}/Manifest",
        tag=FILES,
        summary="Fetch a manifest",
        description="Count, sizes, hashes and times of the file that a link to this day gives now.",
        who=(by_account(Permission.EXPORTS_READ),),
        parameters=(RESOURCE_TYPE_IN_PATH, DAY_IN_PATH),
        answers={200: Answer(ManifestBody, says="The manifest.")},
        failures=(400, 401, 403, 404, 429, 500, 503),
    ),
    only_reads=True,
)
def fetch_manifest(request: Request, _: str, __: str) -> Response:
    """Fetch the manifest of the day's currently published file."""
    day_file = published_day(request, permission=Permission.EXPORTS_READ)
    return json_response(ManifestBody.of(Urls(context_of(request).public_url), day_file))


@dataclass(frozen=True, slots=True)
class _DayListing:
    """The list of an account's day files of one type."""

    tx: Transaction
    account: Account
    resource_type: ResourceType
    now: datetime
    remembering: bool

    def read(self, cursor: Cursor | None, *, offset: int, limit: int) -> list[ListedDay]:
        at = None if cursor is None else (cursor.position.rank, Day.parse(cursor.position.detail))
        return self.tx.day_files.page(
            self.account.sid,
            self.resource_type,
            after=at if cursor and cursor.side is Side.AFTER else None,
            before=at if cursor and cursor.side is Side.BEFORE else None,
            offset=offset,
            limit=limit,
            now=self.now,
            remembering=self.remembering,
        )

    def position(self, item: ListedDay) -> Position:
        return Position(item.generation, str(item.day))
