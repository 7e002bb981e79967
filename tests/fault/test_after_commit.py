"""A database that is away from the moment of a commit on: what it has committed is answered as done."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from dayfile.accounts.administer import Administration
from dayfile.errors import DatabaseUnavailable, Transient
from dayfile.model.credential import KeyKind, Scope
from dayfile.model.notice import Result
from dayfile.overrides import Overrides
from dayfile.service import Service
from dayfile.settings import Settings
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction
from tests.support.clock import FakeClock
from tests.support.intake import Place, a_delivery
from tests.support.lanes import claimed, concluded
from tests.support.notices import a_notice, an_outcome, told
from tests.support.randomness import SeededRandomness
from tests.support.recorded_log import recorded_log
from tests.support.records import Sent, body_of
from tests.support.server import serving
from tests.support.state import KEY, a_database, a_sid, an_account
from tests.support.told import NamesOf

DAY = "2026-11-01"
JOB = {"StartDay": DAY, "EndDay": DAY, "FriendlyName": "november"}


class GoneAfterCommit(Database):
    """A database that nobody reaches after its next commit."""

    @classmethod
    def of(cls, database: Database) -> GoneAfterCommit:
        """The same database, not gone yet."""
        gone = cls.__new__(cls)
        gone.__dict__.update(database.__dict__)
        gone._is_gone = threading.Event()
        return gone

    _is_gone: threading.Event

    def is_back(self) -> None:
        """Be there again, until the next commit."""
        self._is_gone.clear()

    @contextlib.contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Transaction]:
        self._check()
        with super().transaction(durable=durable) as tx:
            yield tx
        self._is_gone.set()

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Transaction]:
        self._check()
        with super().snapshot() as tx:
            yield tx

    def _check(self) -> None:
        if self._is_gone.is_set():
            raise DatabaseUnavailable("the state database went away")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server on such a database, and who may ask it."""

    database: GoneAfterCommit
    client: httpx2.Client
    operator: tuple[str, str]
    account: tuple[str, str]
    names: dict[str, str]  # of what is there, for addresses

    def ask(self, who: str, method: str, path: str, **sent: Any) -> httpx2.Response:
        """Ask, of a database that is there until it has committed."""
        self.database.is_back()
        auth = self.operator if who == "operator" else self.account
        return self.client.request(method, path.format(**self.names), auth=auth, **sent)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all operations: each of them leaves what the others need."""
    folder = tmp_path_factory.mktemp("data")
    settings = Settings.read(data_dir=folder)
    with Service.open(settings, Overrides(clock=FakeClock())) as service, recorded_log():
        made = _prepare(service)
        service.worker.tick()
    overrides = Overrides(clock=FakeClock(), resolver=NamesOf({}), database=GoneAfterCommit.of)
    with Service.open(settings, overrides) as service, recorded_log():
        database = service.database
        assert isinstance(database, GoneAfterCommit)
        with serving(lambda _: service.api()) as url, httpx2.Client(base_url=url) as client:
            yield Server(database=database, client=client, **made)


def _prepare(service: Service) -> dict[str, Any]:
    """Make the things that the operations are about."""
    administration = service.administration
    operator = administration.create_key(account=None, scopes=[Scope.INTAKE, Scope.ACCOUNTS])
    account, other = administration.create_account(), administration.create_account()
    key = administration.create_key(account=account.account.sid, kind=KeyKind.STANDARD)
    jobs = "/v1/Exports/Messages/Jobs"
    sid = account.account.sid
    notice = a_notice(sid)
    told(service.database, notice)
    turn = claimed(service.database, sid)
    assert turn is not None
    concluded(service.database, turn, an_outcome(Result.DELIVERED))
    with serving(lambda _: service.api()) as url:
        made = [httpx2.post(url + jobs, data=JOB, auth=(sid, account.auth_token)).json() for _ in range(2)]
    names = {
        "account": sid,
        "other": other.account.sid,
        "key": key.key.sid,
        "job": made[-1]["job_sid"],
        "event": notice.sid,
    }
    return {"operator": (operator.key.sid, operator.secret), "account": (sid, account.auth_token), "names": names}


_RECORD = body_of([Sent(account=a_sid("AC", "?"), name="a", created=f"{DAY}T10:00:00Z", updated=f"{DAY}T10:00:00Z")])


@pytest.mark.parametrize(
    ("status", "asked", "sent"),
    [
        (201, "account POST /v1/Exports/Messages/Jobs", {"data": JOB}),
        (200, "account POST /v1/Exports/Messages/Configuration", {"data": {"Enabled": "true"}}),
        (202, "account POST /v1/Notices/{event}/Attempts", {}),
        (201, "operator POST /v1/Accounts", {"json": {}}),
        (201, f"operator PUT /v1/Accounts/{a_sid('AC', 'put')}", {"json": {}}),
        (204, "operator DELETE /v1/Accounts/{other}", {}),
        (201, "account POST /v1/Accounts/{account}/Keys", {"json": {}}),
        (204, "account DELETE /v1/Accounts/{account}/Keys/{key}", {}),
        (400, "operator POST /v1/Records/Messages", {"content": _RECORD}),  # the receipt: its rejection is kept
        (307, f"account GET /v1/Exports/Messages/Days/{DAY}", {}),
        (204, "account DELETE /v1/Exports/Jobs/{job}", {}),
    ],
)
def test_what_is_committed_is_answered_as_done(server: Server, status: int, asked: str, sent: dict[str, Any]) -> None:
    """After an error the client does it again, and has two jobs, two accounts or two keys, or thinks it has none."""
    answer = server.ask(*asked.split(), **sent)
    assert answer.status_code == status, answer.text
    with pytest.raises(DatabaseUnavailable), server.database.snapshot():
        pass  # it has committed


def test_a_new_webhook_secret_is_shown_by_the_commit_that_makes_it(tmp_path: Path) -> None:
    """It is shown once; nobody would rotate it a third time to see the second."""
    database = GoneAfterCommit.of(a_database(tmp_path))
    account = an_account(database)
    database.is_back()
    administration = Administration(database, key=KEY, randomness=SeededRandomness("a"), clock=FakeClock())
    assert len(administration.rotate_webhook_secret(account.sid)) == 2
    database.close()


def test_an_error_of_a_new_try_says_that_nothing_was_accepted(tmp_path: Path) -> None:
    """Of several lines one is accepted and one is not: two commits, and what fails between them must not hide one."""
    place, later = Place(tmp_path), a_sid("AC", "later")
    sent = Sent(account=later, name="a", created=f"{DAY}T10:00:00Z", updated=f"{DAY}T10:00:00Z")
    with place.process() as intake:
        intake.accept(a_delivery(b"nonsense\n" + sent.line()))
    an_account(place.database, "later")
    with place.process(database=GoneAfterCommit.of(place.database)) as intake, pytest.raises(Transient):
        intake.retry([1, 2])
    assert place.waiting() == {}
    with place.process() as intake:
        assert intake.retry([1, 2]).accepted == 1
    assert len(place.waiting()[DAY]) == 1
    place.database.close()
