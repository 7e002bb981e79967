"""The context of the routes: one frozen value, made by the service and reached through each request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

from starlette.requests import HTTPConnection

from dayfile.accounts.administer import Administration
from dayfile.accounts.authenticate import Authenticator
from dayfile.accounts.sessions import Sessions
from dayfile.api.paging import PageTokens
from dayfile.checks.vitals import Vitals
from dayfile.clock import Clock
from dayfile.counters import Counters
from dayfile.delivery.replay import Replay
from dayfile.delivery.ssrf import Destinations
from dayfile.delivery.trial import WebhookTrial
from dayfile.exports.configuration import Configuring
from dayfile.exports.custom import CustomJobs
from dayfile.exports.given import GivenLinks
from dayfile.files.links import LinkSigner
from dayfile.files.storage import Storage
from dayfile.intake.pipeline import Intake
from dayfile.model.secret import Randomness
from dayfile.objects.storage_probe import StorageProbe
from dayfile.spans import Spans
from dayfile.store.database import Database
from dayfile.web.client_address import TrustedProxies
from dayfile.web.metrics import Metrics

if TYPE_CHECKING:  # it loads the engine of seals, which answers do without
    from dayfile.sealing.repairs import Repairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Everything that the API's routes may use."""

    database: Database
    storage: Storage
    objects_folder: Path | None  # of the storage, if it is one
    storage_probe: StorageProbe
    clock: Clock
    randomness: Randomness
    authenticator: Authenticator
    sessions: Sessions  # for the console; under /v1/ only Basic credentials count
    administration: Administration
    intake: Intake
    custom_jobs: CustomJobs
    given_links: GivenLinks
    configuring: Configuring
    replay: Replay
    webhook_trial: WebhookTrial  # for the console
    destinations: Destinations
    links: LinkSigner
    page_tokens: PageTokens
    public_url: str  # scheme, host and port as clients reach this server, without a slash at the end
    redirects_downloads: bool  # to the object store, where it has an object that is the file
    trusted_proxies: TrustedProxies
    accel_redirect: str | None  # the location of such a proxy from which it sends objects
    link_lifetime: timedelta
    job_lifetime: timedelta  # for which a job is shown after it is over
    file_lifetime: timedelta  # for which a published day is on the list
    concurrent_requests: int  # of one account in one process; 0: any number
    vitals: Vitals  # for the operator and this machine
    counters: Counters  # of this process
    spans: Spans  # the same
    repairs: Callable[[], Repairs]  # for the console; made when first asked for, as it needs a scratch folder
    metrics: Metrics  # for operators' keys
    max_body_bytes: int  # of records, after decompression


def context_of(request: HTTPConnection) -> Context:
    """Return the context of the app that a request belongs to."""
    return cast("Context", request.app.state.context)
