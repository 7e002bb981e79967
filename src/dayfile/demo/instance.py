"""The demo's own instance: its own folder and settings, and a real server process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from dayfile.accounts.administer import OPERATOR
from dayfile.demo.expectation import Expectation
from dayfile.demo.yesterday import DayAgo, live_through
from dayfile.errors import Unusable
from dayfile.model.account import AccountSid
from dayfile.model.credential import Scope
from dayfile.service import Service
from dayfile.settings import Settings

_READY = re.compile(r"is ready: (http\S+)")
_STOP_SECONDS = 40
_LOG_LINES = 20

# No quota: a year-long job on top of the others exceeds it. No grace: yesterday is exported even if it is just over.
_OWN: dict[str, Any] = {"host": "127.0.0.1", "quota_days": 0, "accounts_may_write": True, "day_grace_minutes": 0}


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


def make_cast(folder: Path, *, records: int) -> Cast:
    """Create the instance in the folder, with accounts, a key and about `records` records, under yesterday's clock."""
    # Only the defaults: neither the environment nor a .env file may lead the demo to a real instance.
    defaults = {name: known.default for name, known in Settings.model_fields.items()}
    settings = Settings.read(_env_file=None, **defaults | _OWN | {"data_dir": folder})
    with Service.open(settings, clock=DayAgo()) as service:
        parent = service.administration.create_account(friendly_name="Acme")
        made = [
            service.administration.create_account(parent=parent.account.sid, friendly_name=name)
            for name in ("Acme Europe", "Acme Asia")
        ]
        key = service.administration.create_key(account=None, scopes=[Scope.INTAKE], friendly_name="platform")
        platform = service.authenticator.authenticate(key.key.sid, key.secret)
        sids = [new.account.sid for new in (parent, *made)]
        yesterday = live_through(service, platform, sids, records=records)
    with Service.open(settings) as service:
        service.clock_watch.accept(actor=OPERATOR)  # here it jumps by a day, on purpose
    members = [
        Member(sid=new.account.sid, auth_token=new.auth_token, name=new.account.friendly_name)
        for new in (parent, *made)
    ]
    return Cast(
        parent=members[0],
        subaccounts=tuple(members[1:]),
        key_sid=key.key.sid,
        key_secret=key.secret,
        yesterday=yesterday,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The demo's running server."""

    url: str
    process: subprocess.Popen[str]

    def wait(self) -> NoReturn:
        """Wait while the server runs; raises Unusable when it ends by itself."""
        raise Unusable(f"the demo's server has ended, with exit code {self.process.wait()}")


@contextmanager
def serving(folder: Path, *, port: int) -> Iterator[Server]:
    """Run a server on the folder while the block runs; raises Unusable, with its log, if it does not start."""
    log = folder / "server.log"
    with log.open("wb") as file, _ending_in_order():
        process = subprocess.Popen(
            [sys.executable, "-m", "dayfile", "serve", "--port", str(port)],
            cwd=folder,  # which has no .env
            env=_environment(folder),
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            start_new_session=True,  # Ctrl-C goes to the demo only, which stops the server itself
        )
        try:
            yield Server(url=_address(process, log), process=process)
        finally:
            process.terminate()
            process.wait(_STOP_SECONDS)


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DAYFILE_")}
    if "PYTHONPATH" in kept:
        entries = kept["PYTHONPATH"].split(os.pathsep)
        kept["PYTHONPATH"] = os.pathsep.join(str(Path(entry).absolute()) for entry in entries)
    own = {f"DAYFILE_{name.upper()}": str(value) for name, value in _OWN.items()}
    return kept | own | {"DAYFILE_DATA_DIR": str(folder)}


def _address(process: subprocess.Popen[str], log: Path) -> str:
    for line in process.stdout or ():
        if match := _READY.search(line):
            return match[1]
    said = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:])
    raise Unusable(f"the demo's server did not start:\n{said}")


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Make SIGTERM end the demo as Ctrl-C does, with the server stopped first."""

    def end(number: int, _: FrameType | None) -> NoReturn:
        sys.exit(128 + number)

    former = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)
