"""The demo's own instance: its own folder and settings, a history, and a real server process.

Nobody who tries the demo waits for midnight. So the accounts are created, daily exports are enabled and records of the
day are accepted under a clock that is a day behind; the server then publishes that day by itself, in real time.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from dayfile.accounts.administer import OPERATOR
from dayfile.clock import SystemClock
from dayfile.demo.dice import Dice
from dayfile.demo.expectation import Expectation
from dayfile.demo.platform import batches
from dayfile.demo.traffic import Traffic
from dayfile.errors import Unusable
from dayfile.exports.configuration import Configuring
from dayfile.intake.pipeline import IncomingBatch
from dayfile.model.account import AccountSid
from dayfile.model.account_entry import AccountEntry
from dayfile.model.credential import Actor, Caller, Scope
from dayfile.model.day import Day, DayRange
from dayfile.model.export import ConfigurationChange
from dayfile.model.resource import MESSAGES
from dayfile.opening import storage_of
from dayfile.overrides import Overrides
from dayfile.service import Service, SystemRandomness
from dayfile.settings import Settings
from dayfile.store.opening import has_tables

_READY = re.compile(r"is ready: (http\S+)")
_STOP_SECONDS = 40
_LOG_LINES = 20
_KEY_DIGITS = 64
_NAMES = ("Acme", "Acme Europe", "Acme Asia")  # the first is the parent of the others

# No quota: a year-long job on top of the others exceeds it. No grace: yesterday is exported even if it is just over.
_OWN: dict[str, Any] = {"host": "127.0.0.1", "quota_days": 0, "accounts_may_write": True, "day_grace_minutes": 0}

_ENABLED = ConfigurationChange(enabled=True, webhook_url=None, webhook_method=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An account of the demo, with its credentials."""

    sid: AccountSid
    auth_token: str = field(repr=False)
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """The participants: a parent account, its subaccounts, and the platform that sends their records."""

    parent: Member
    subaccounts: tuple[Member, ...]
    key_sid: str
    key_secret: str = field(repr=False)
    yesterday: Expectation = field(repr=False)  # the expected daily exports of the day before

    @property
    def members(self) -> tuple[Member, ...]:
        """All accounts."""
        return self.parent, *self.subaccounts


def demo_settings(folder: Path, *, database_url: str | None, storage_url: str | None) -> Settings:
    """Return the settings of a demo in a folder, or with its database and objects elsewhere.

    Raises Unusable if something is there already.
    """
    # Only the defaults: neither the environment nor a .env file may lead the demo to a real instance.
    defaults = {name: known.default for name, known in Settings.model_fields.items()}
    where = {"data_dir": folder, "database_url": database_url, "storage_url": storage_url}
    key = {"secret_key": SystemRandomness().hex(_KEY_DIGITS)} if database_url else {}
    settings = Settings.read(_env_file=None, **defaults | _OWN | where | key)
    if has_tables(settings.database):
        what = "database" if database_url else "folder"
        raise Unusable(f"there is an instance in {settings.place}: name a {what} without one, the demo makes its own")
    if storage_url and any(storage_of(settings, makes_folder=False).scan("")):
        raise Unusable(f"there are objects in {storage_url}: name an empty bucket, or another prefix in it")
    return settings


def make_cast(settings: Settings, *, records: int) -> Cast:
    """Create the instance, with accounts, a key and about `records` records, under yesterday's clock."""
    with Service.open(settings, Overrides(clock=_DayAgo())) as service:
        members = _create_accounts(service)
        scopes = [Scope.INTAKE, Scope.ACCOUNTS]  # whoever tries the operator's pages can try all of them
        key = service.administration.create_key(account=None, scopes=scopes, friendly_name="platform")
        platform = service.authenticator.authenticate(key.key.sid, key.secret)
        yesterday = _live_through(service, platform, [member.sid for member in members], records=records)
    with Service.open(settings) as service:
        service.clock_watch.accept(actor=OPERATOR)  # here it jumps by a day, on purpose
    return Cast(
        parent=members[0],
        subaccounts=tuple(members[1:]),
        key_sid=key.key.sid,
        key_secret=key.secret,
        yesterday=yesterday,
    )


def _create_accounts(service: Service) -> list[Member]:
    """Create the accounts, under the same sids in every demo, so that all demos of a day export the same texts."""
    dice = Dice("accounts")
    sids = [AccountSid(dice.sid("AC")) for _ in _NAMES]
    entries = [
        AccountEntry(
            sid=sid, token=None, parent=sids[0] if number else None, state=None, friendly_name=name, email=None
        )
        for number, (sid, name) in enumerate(zip(sids, _NAMES, strict=True))
    ]
    tokens = service.administration.bring(entries, keep_old_for=timedelta(0)).new_tokens
    return [Member(sid=sid, auth_token=tokens[sid], name=name) for sid, name in zip(sids, _NAMES, strict=True)]


class _DayAgo(SystemClock):
    """The system clock, set back by a day."""

    def now(self) -> datetime:
        return super().now() - timedelta(days=1)


def _live_through(service: Service, platform: Caller, accounts: Iterable[AccountSid], *, records: int) -> Expectation:
    """Enable daily exports and send records for the clock's current day; return its expected daily exports."""
    today, members = Day.of(service.clock.now()), list(accounts)
    service.worker.open_days()
    configuring = Configuring(service.database, clock=service.clock)
    for account in members:
        configuring.change(account, MESSAGES, _ENABLED, actor=Actor(name=account))
    # Of two days, the second is the one without records.
    traffic = Traffic(seed="yesterday", accounts=members, days=DayRange(first=today, last=today + 1), records=records)
    expectation = Expectation()
    for batch in batches(traffic.on_time()):
        lines = [version.sent + b"\n" for version in batch.versions]
        incoming = IncomingBatch(
            caller=platform,
            resource_type=batch.resource_type,
            blocks=lines,
            compression=None,
            idempotency_key=None,
        )
        service.intake.submit(incoming).result()
        for version in batch.versions:
            expectation.add(version)
    return expectation


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The demo's running server."""

    url: str
    process: subprocess.Popen[str]

    def wait(self) -> NoReturn:
        """Wait while the server runs; raises Unusable when it ends by itself."""
        raise Unusable(f"the demo's server has ended, with exit code {self.process.wait()}")


@contextmanager
def serving(settings: Settings, *, port: int) -> Iterator[Server]:
    """Run a server while the block runs; raises Unusable, with its log, if it does not start."""
    folder = settings.data_dir
    log = folder / "server.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "dayfile", "serve", "--port", str(port), "--until-stdin-ends"],
            cwd=folder,  # which has no .env
            env=_environment(settings),
            stdin=subprocess.PIPE,  # nothing is written to it: it ends with this process, also if that is killed
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            start_new_session=True,  # Ctrl-C goes to the demo only, which stops the server itself
        )
        try:
            yield Server(url=_address(process, log), process=process)
        finally:
            _end(process)


def _environment(settings: Settings) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DAYFILE_")}
    if "PYTHONPATH" in kept:
        entries = kept["PYTHONPATH"].split(os.pathsep)
        kept["PYTHONPATH"] = os.pathsep.join(str(Path(entry).absolute()) for entry in entries)
    where: dict[str, Any] = {"data_dir": settings.data_dir, "storage_url": settings.storage_url}
    if settings.secret_key is not None:
        where |= {"database_url": settings.database_url, "secret_key": settings.secret_key.get_secret_value()}
    return kept | {f"DAYFILE_{name.upper()}": str(value) for name, value in (_OWN | where).items() if value is not None}


def _address(process: subprocess.Popen[str], log: Path) -> str:
    for line in process.stdout or ():
        if match := _READY.search(line):
            return match[1]
    said = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:])
    raise Unusable(f"the demo's server did not start:\n{said}")


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:  # a machine that is too busy; what it was doing is nobody's
        process.kill()
        process.wait()
