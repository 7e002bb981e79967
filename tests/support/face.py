"""Twilio's face on real parts: a state database, a storage folder, the stages, and a clock that the test moves."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import xxhash
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from dayfile.api.app import create_app
from dayfile.files.gzip import BLOCK_BYTES
from dayfile.files.storage import LocalStorage
from dayfile.model.account import AccountSid
from dayfile.model.credential import KeyKind, Permission
from dayfile.model.day import Day, DayRange
from dayfile.model.export import NewSealedDay, SealedDay
from dayfile.model.job import JobRequest, JobSid
from dayfile.model.resource import MESSAGES, ResourceType
from dayfile.overrides import Overrides
from dayfile.service import Service
from dayfile.settings import Settings
from dayfile.web.login_delays import DelayRule
from tests.support import documented, world
from tests.support.clock import FakeClock
from tests.support.randomness import SeededRandomness
from tests.support.recorded_log import recorded_log
from tests.support.server import serving
from tests.support.state import KEY_TEXT, a_sqlite_url
from tests.support.told import NamesOf

NO_DELAYS = DelayRule(longest_seconds=0.0)
_SETTINGS: dict[str, Any] = {"concurrent_requests": 0, "max_body_bytes": 1 << 20, "scrub_days": 0}


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
    folder: Path, *, pages: Iterable[Route] = (), delay_rule: DelayRule = NO_DELAYS, **settings: Any
) -> Iterator[Face]:
    """A new instance in a folder, its app served at `face.url`; with settings as the product has them."""
    with ExitStack() as closing:
        closing.enter_context(recorded_log())
        faces = []

        def make_app(url: str) -> Starlette:
            face = Face(folder, url=url, **settings)
            closing.callback(face.close)
            faces.append(face)
            return face.app(pages=pages, delay_rule=delay_rule)

        with serving(make_app):
            yield faces[0]


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

    def __init__(self, folder: Path, *, url: str, **settings: Any) -> None:
        a_sqlite_url(folder)  # where the settings find it
        self.url = url
        self.before_request: Callable[[], object] = lambda: None  # a test may come in between two requests
        self.folder = folder
        self.clock = FakeClock()
        self.names = NamesOf({"inside.example": [["10.0.0.1"]]})
        self.randomness = SeededRandomness("face")
        self.service = Service.open(
            Settings.read(_env_file=None, data_dir=folder, public_url=url, secret_key=KEY_TEXT, **_SETTINGS | settings),
            Overrides(clock=self.clock, randomness=self.randomness, resolver=self.names),
        )
        self.database = self.service.database
        self.kept = self.service.storage
        if isinstance(self.kept, LocalStorage):
            self.storage = self.kept
        self.administration = self.service.administration
        self.job_queue = self.service.worker_parts.job_queue
        self.publishing = self.service.worker_parts.publishing

    def close(self) -> None:
        """Close the instance."""
        self.service.close()

    def app(
        self,
        *,
        pages: Iterable[Route] = (),
        public_url: str | None = None,
        delay_rule: DelayRule = NO_DELAYS,
    ) -> Starlette:
        """The app, as clients reach it at `url`, or at another public address."""
        context = replace(self.service.context, public_url=public_url or self.url)
        return self._watched(create_app(context, pages=pages, delay_rule=delay_rule))

    def _watched(self, app: Starlette) -> Starlette:
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
        """Seal a day of one account with these lines; done again, it is the next revision.

        With the fixture `small_files`, it is also sealed in the middle of a pack.
        """
        of, now = Day.parse(day), self.clock.now()
        packed = gzip.compress(text, mtime=0)
        key = f"sealed/type={resource_type}/day={of}/account={account.sid}/{self.randomness.hex(8)}.json.gz"
        pack = f"sealed/type={resource_type}/day={of}/pack-0001-{self.randomness.hex(8)}" if world.PACK_BELOW else None
        around = b"what is before and after it" if pack else b""
        self.kept.put(pack or key, [around, packed, around])
        with self.database.transaction() as tx:
            former = tx.sealed_days.current(account.sid, resource_type, DayRange(first=of, last=of)).get(of)
            upload = tx.uploads.begin(pack or key, now=now)
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
                xxh3=xxhash.xxh3_128(packed).hexdigest() if len(text) > BLOCK_BYTES else None,
                first_created_at=of.start,
                last_created_at=of.end - timedelta(seconds=1),
                pack_key=pack,
                pack_offset=len(around) if pack else None,
            )
            packs = {pack: len(packed) + 2 * len(around)} if pack else {}
            tx.sealed_days.add(claim, [new], packs=packs, now=now)
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
