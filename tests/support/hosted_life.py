"""Life on hosts that are killed and frozen: platforms send records, customers submit jobs, all of them with patience.

They remember what was acknowledged, and repeat what was not, at whichever server answers.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import httpx2

from dayfile.accounts.administer import OPERATOR
from dayfile.clock import SystemClock
from dayfile.demo.dice import Dice
from dayfile.exports.configuration import Configuring
from dayfile.model.account import AccountSid
from dayfile.model.credential import Actor, Scope
from dayfile.model.day import Day
from dayfile.model.export import ConfigurationChange
from dayfile.model.resource import MESSAGES
from dayfile.overrides import Overrides
from dayfile.service import Service
from dayfile.settings import Settings
from tests.support.hosts import Hosts
from tests.support.receiver import Receiver
from tests.support.records import Sent, body_of

SENDERS: Final = 3
SIZES: Final = (1, 1, 3, 30, 250)  # records of a batch: the largest are objects of their own
_PATIENCE_SECONDS: Final = 90
_ANSWER_SECONDS: Final = 4.0  # a server that is frozen does not answer at all
_PAUSE_SECONDS: Final = 0.2


@dataclass(frozen=True, kw_only=True)
class Members:
    """Accounts with their auth tokens, an operator's key, and the days that have daily exports."""

    tokens: dict[AccountSid, str]
    login: tuple[str, str]
    days: list[Day]


class _Earlier(SystemClock):
    """The system clock, set back."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return super().now() - self._by


def settle(hosts: Hosts, *, accounts: int, days: int, receiver: Receiver) -> Members:
    """Make the instance as it was some days ago, with accounts that enabled daily exports: those days come due now."""
    settings = Settings.read(
        _env_file=None,
        data_dir=hosts.folder / "first",
        database_url=hosts.database_url,
        storage_url=hosts.variables["DAYFILE_STORAGE_URL"],
        secret_key=hosts.variables["DAYFILE_SECRET_KEY"],
    )
    began = _Earlier(timedelta(days=days))
    with Service.open(settings, Overrides(clock=began)) as service:
        service.worker.open_days()
        made = [service.administration.create_account() for _ in range(accounts)]
        key = service.administration.create_key(account=None, scopes=[Scope.INTAKE])
        configuring = Configuring(service.database, clock=began)
        for new in made:
            told = f"{receiver.url}/daily/{new.account.sid}"
            change = ConfigurationChange(enabled=True, webhook_url=told, webhook_method="POST")
            configuring.change(new.account.sid, MESSAGES, change, actor=Actor(name="test"))
    with Service.open(settings) as service:
        service.clock_watch.accept(actor=OPERATOR)  # it jumps by some days here, on purpose
    first = Day.of(began.now())
    return Members(
        tokens={new.account.sid: new.auth_token for new in made},
        login=(key.key.sid, key.secret),
        days=[first + number for number in range(days)],
    )


@dataclass
class Life:
    """Everybody who uses the hosts, for as long as it goes on."""

    hosts: Hosts
    members: Members
    receiver: Receiver
    seed: str
    acknowledged: list[Sent] = field(default_factory=list)
    batches: int = 0
    repeated: int = 0
    """Requests that were sent again, since nobody had answered them."""
    job_names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._seconds = itertools.count()  # no two versions of a record have the same

    def go_on(self, *, seconds: float, jobs: int) -> None:
        """Send and submit for so long; returns when everything is acknowledged. Raises what anybody met."""
        timer = threading.Timer(seconds, self._stopping.set)
        timer.start()
        with ThreadPoolExecutor(SENDERS + 1) as pool:
            doing: list[Future[None]] = [pool.submit(self._send, number) for number in range(SENDERS)]
            doing.append(pool.submit(self._submit, jobs, seconds / jobs))
            for one in doing:
                one.add_done_callback(lambda done: self._stopping.set() if done.exception() else None)
        timer.cancel()
        for one in doing:
            one.result()

    def _send(self, sender: int) -> None:
        dice = Dice(f"{self.seed}/{sender}")
        with httpx2.Client(auth=self.members.login, timeout=_ANSWER_SECONDS) as client:
            for number in itertools.count():
                if self._stopping.wait(_PAUSE_SECONDS * dice.below(100) / 100):
                    return
                sent = self._batch(sender, number, dice)
                # One in four has no key, and may come twice: sealing makes one of it.
                keyed = {"Idempotency-Key": f"{self.seed}/{sender}/{number}"} if dice.happens(3, of=4) else {}
                answer = self._until_answered(
                    lambda url, sent=sent, keyed=keyed: client.post(  # type: ignore[misc]
                        f"{url}/v1/Records/Messages", content=body_of(sent), headers=keyed
                    ),
                    dice,
                )
                assert answer.status_code == 200, answer.text
                assert answer.json()["accepted"] == len(sent), answer.text
                with self._lock:
                    self.acknowledged += sent
                    self.batches += 1

    def _batch(self, sender: int, number: int, dice: Dice) -> list[Sent]:
        account, day = dice.pick([*self.members.tokens]), dice.pick(self.members.days)
        names = [f"{sender}/{number}/{n}" for n in range(dice.pick(SIZES))]
        # And newer versions of records that others send, too.
        names += [f"same {dice.below(20)}" for _ in range(2)]
        return [self._message(account, day, name) for name in names]

    def _message(self, account: AccountSid, day: Day, name: str) -> Sent:
        with self._lock:
            second = next(self._seconds)
        at = f"{day}T10:00:00Z"
        updated = day.start + timedelta(hours=10, seconds=second)
        return Sent(account=account, name=name, created=at, updated=f"{updated:%Y-%m-%dT%H:%M:%SZ}", body=f"{second:9}")

    def _submit(self, jobs: int, pause: float) -> None:
        dice = Dice(f"{self.seed}/jobs")
        with httpx2.Client(timeout=_ANSWER_SECONDS) as client:
            for number in range(jobs):
                account = dice.pick([*self.members.tokens])
                # A custom job may ask for days up to two days ago.
                first, last = sorted(dice.pick(self.members.days[:-1]) for _ in range(2))
                name = f"job {number}"
                form = {"StartDay": str(first), "EndDay": str(last), "FriendlyName": name}
                form |= {"WebhookUrl": f"{self.receiver.url}/job/{number}", "WebhookMethod": "POST"}
                login = (account, self.members.tokens[account])
                answer = self._until_answered(
                    lambda url, form=form, login=login: client.post(  # type: ignore[misc]
                        f"{url}/v1/Exports/Messages/Jobs", data=form, auth=login
                    ),
                    dice,
                )
                assert answer.status_code == 201, answer.text
                self.job_names.append(name)
                self._stopping.wait(pause)

    def _until_answered(self, ask: Callable[[str], httpx2.Response], dice: Dice) -> httpx2.Response:
        """Ask one server after the other until one answers, as a client behind a load balancer does."""
        clock = SystemClock()
        until = clock.monotonic() + _PATIENCE_SECONDS
        said: object = None
        for url in itertools.islice(itertools.cycle(self.hosts.urls), dice.below(2), None):
            assert clock.monotonic() < until, f"nobody answers: {said}"
            try:
                answer = ask(url)
            except httpx2.TransportError as error:
                said = error
            else:
                if answer.status_code not in {409, 429, 503}:
                    return answer
                said = answer.text
            with self._lock:
                self.repeated += 1
            threading.Event().wait(_PAUSE_SECONDS)
        raise AssertionError("no server")
