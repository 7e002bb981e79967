"""Twilio's face on real parts: a state database, a storage folder, the stages, and a clock that the test moves."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any, cast

import httpx2
from fastapi import APIRouter, FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from dayfile.accounts.administer import Administration
from dayfile.accounts.authenticate import Authenticator
from dayfile.accounts.sessions import Sessions
from dayfile.api.app import create_app
from dayfile.api.context import Context
from dayfile.api.paging import PageTokens
from dayfile.delivery.replay import Replay
from dayfile.delivery.ssrf import Destinations
from dayfile.exports.configuration import Configuring
from dayfile.exports.custom import CustomJobs
from dayfile.exports.given import GivenLinks
from dayfile.exports.job_queue import JobQueue
from dayfile.exports.publish import Publishing
from dayfile.files.links import LinkSigner
from dayfile.files.storage import LocalStorage
from dayfile.intake.pipeline import Intake
from dayfile.model.account import AccountSid
from dayfile.model.credential import KeyKind, Permission
from dayfile.model.day import Day, DayRange
from dayfile.model.export import NewSealedDay, SealedDay
from dayfile.model.job import JobRequest, JobSid, RetryRule
from dayfile.model.resource import MESSAGES, ResourceType
from dayfile.web.client_address import TrustedProxies
from dayfile.web.login_delays import DelayRule
from tests.support import documented
from tests.support.clock import FakeClock
from tests.support.notices import an_outbox
from tests.support.randomness import SeededRandomness
from tests.support.recorded_log import recorded_log
from tests.support.server import serving
from tests.support.state import KEY, a_database
from tests.support.told import NamesOf
from tests.support.vitals import a_vitals

JOB_LIFETIME = timedelta(days=7)
NO_DELAYS = DelayRule(longest_seconds=0.0)


class SharedRandomness(SeededRandomness):
    """Seeded values for several threads: no two of them draw the same."""

    def __init__(self) -> None:
        super().__init__("face")
        self._lock = threading.Lock()

    def octets(self, count: int) -> bytes:
        """The next value."""
        with self._lock:
            return super().octets(count)


@dataclass(frozen=True, kw_only=True)
class Login:
    """Credentials that work."""

    sid: AccountSid
    username: str
    password: str

    @property
    def basic(self) -> tuple[str, str]:
        """As HTTP clients take them."""
        return self.username, self.password


@contextmanager
def served_face(
    folder: Path, *, quota_days: int = 366, pages: Iterable[APIRouter] = (), **options: Any
) -> Iterator[Face]:
    """A new instance in a folder, its app served at `face.url`; with options as `Face.app` has them."""
    face = Face(folder)

    def make_app(url: str) -> FastAPI:
        face.url = url
        return face.app(quota_days=quota_days, pages=pages, **options)

    try:
        with recorded_log(), serving(make_app):
            yield face
    finally:
        face.database.close()


class _Watched:
    """Lets the test do something before the app sees a request."""

    def __init__(self, app: ASGIApp, *, face: Face) -> None:
        self._app = app
        self._face = face

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await run_in_threadpool(self._face.before_request)
        await self._app(scope, receive, send)


class Face:
    """An instance without a worker: what a worker would do, the test does."""

    def __init__(self, folder: Path) -> None:
        self.url = "http://localhost"
        self.before_request: Callable[[], object] = lambda: None  # a test may come in between two requests
        self.clock = FakeClock()
        self.randomness = SharedRandomness()
        self.folder = folder
        self.database = a_database(folder)
        self.storage = LocalStorage(folder / "objects")
        self.names = NamesOf({"inside.example": [["10.0.0.1"]]})
        self.administration = Administration(self.database, key=KEY, randomness=self.randomness, clock=self.clock)
        outbox = an_outbox(self.randomness)
        self.job_queue = JobQueue(
            self.database, clock=self.clock, outbox=outbox, lease=timedelta(minutes=1), retry=RetryRule()
        )
        self.publishing = Publishing(
            self.database, self.job_queue, clock=self.clock, outbox=outbox, file_lifetime=timedelta(days=7)
        )

    def app(
        self,
        *,
        quota_days: int,
        concurrent_requests: int = 0,
        pages: Iterable[APIRouter] = (),
        public_url: str | None = None,
        trusted_proxies: str | None = None,
        delay_rule: DelayRule = NO_DELAYS,
    ) -> FastAPI:
        """The app, as clients reach it at `url`, or at another public address."""
        context = Context(
            database=self.database,
            storage=self.storage,
            clock=self.clock,
            randomness=self.randomness,
            administration=self.administration,
            authenticator=Authenticator(self.database, key=KEY, clock=self.clock),
            sessions=Sessions(self.database, key=KEY, randomness=self.randomness, clock=self.clock),
            intake=cast("Intake", None),  # no test of these routes sends records
            custom_jobs=self._custom_jobs(quota_days),
            given_links=GivenLinks(self.database),
            configuring=Configuring(self.database, clock=self.clock),
            replay=Replay(self.database, clock=self.clock, wake=lambda: None),
            destinations=Destinations(allow=[], resolver=self.names),
            links=LinkSigner(KEY.subkey("links")),
            page_tokens=PageTokens(KEY.subkey("pages")),
            public_url=public_url or self.url,
            trusted_proxies=TrustedProxies((ip_network(trusted_proxies),) if trusted_proxies else ()),
            link_lifetime=timedelta(hours=1),
            job_lifetime=JOB_LIFETIME,
            concurrent_requests=concurrent_requests,
            max_body_bytes=1 << 20,
            vitals=a_vitals(self.database, self.clock, self.folder),
        )
        return self._watched(create_app(context, pages=pages, delay_rule=delay_rule))

    def _custom_jobs(self, quota_days: int) -> CustomJobs:
        return CustomJobs(
            self.database,
            clock=self.clock,
            randomness=self.randomness,
            quota_days=quota_days,
            job_lifetime=JOB_LIFETIME,
            outbox=an_outbox(self.randomness),
            wake=lambda: None,
        )

    def _watched(self, app: FastAPI) -> FastAPI:
        app.add_middleware(_Watched, face=self)
        return app

    def client(self, login: Login) -> httpx2.Client:
        """An HTTP client with the credentials of an account or key; it follows no redirects.

        Each of its answers must be one that the OpenAPI document promises, whatever else a test asks of it.
        """
        return httpx2.Client(base_url=self.url, auth=login.basic, event_hooks={"response": [documented.check]})

    def account(self, *, parent: AccountSid | None = None) -> Login:
        """A new account."""
        new = self.administration.create_account(parent=parent)
        return Login(sid=new.account.sid, username=new.account.sid, password=new.auth_token)

    def api_key(self, account: Login, *permissions: Permission) -> Login:
        """A new API key of an account: restricted to these permissions, or standard without any."""
        kind = KeyKind.RESTRICTED if permissions else KeyKind.STANDARD
        new = self.administration.create_key(account=account.sid, kind=kind, permissions=permissions)
        return Login(sid=account.sid, username=new.key.sid, password=new.secret)

    def seal(self, account: Login, day: str, text: bytes, *, resource_type: ResourceType = MESSAGES) -> SealedDay:
        """Seal a day of one account with these lines; done again, it is the next revision."""
        of, now = Day.parse(day), self.clock.now()
        packed = gzip.compress(text, mtime=0)
        key = f"sealed/type={resource_type}/day={of}/account={account.sid}/{self.randomness.hex(8)}.json.gz"
        self.storage.put(key, [packed])
        with self.database.transaction() as tx:
            former = tx.sealed_days.current(account.sid, resource_type, DayRange(first=of, last=of)).get(of)
            upload = tx.uploads.begin(key, now=now)
            claim = tx.seals.claim(
                resource_type, of, worker="test", upload_id=upload, mark="", leased_until=now + timedelta(1), now=now
            )
            assert claim is not None
            new = NewSealedDay(
                account=account.sid,
                revision=former.revision + 1 if former else 1,
                key=key,
                records=text.count(b"\n"),
                size_bytes=len(packed),
                plain_bytes=len(text),
                sha256=hashlib.sha256(packed).hexdigest(),
                plain_sha256=hashlib.sha256(text).hexdigest(),
                encoder="zlib",
                first_created_at=of.start,
                last_created_at=of.end - timedelta(seconds=1),
            )
            tx.sealed_days.add(claim, [new], now=now)
            tx.uploads.go_live([upload], now=now)
            tx.seals.commit(claim, now=now)
            return tx.sealed_days.current(account.sid, resource_type, DayRange(first=of, last=of))[of]

    def work(self) -> None:
        """Publish every day of every job in the queue."""
        while claim := self.job_queue.claim(worker="test"):
            self.publishing.publish(claim, [job_day.day for job_day in claim.days])

    def publish(
        self, account: Login, first: str, last: str = "", *, resource_type: ResourceType = MESSAGES, name: str = "a job"
    ) -> None:
        """Have a job publish days of an account; the quota is not asked."""
        request = JobRequest(
            account=account.sid,
            root_account=account.sid,
            resource_type=resource_type,
            days=DayRange(first=Day.parse(first), last=Day.parse(last or first)),
            friendly_name=name,
            webhook_url=None,
            webhook_method=None,
            email=None,
        )
        with self.database.transaction() as tx:
            tx.jobs.submit(JobSid("JS" + self.randomness.hex(32)), request, now=self.clock.now())
        self.work()
