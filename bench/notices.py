"""The delay of a notice while other receivers are dead, and the rate at which many go out.

The dead receivers take a connection and never answer: each attempt at them costs its whole 15 seconds. Their accounts
have 10,000 notices waiting for one of them, and one for each of 200 others. Meanwhile another account's jobs end, one
after the other; what is measured is from just before the commit to the receiver's hearing of it.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import http.client
import socket
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from dayfile.clock import SystemClock
from dayfile.delivery.bulkhead import THREADS
from dayfile.delivery.dispatcher import Dispatcher
from dayfile.delivery.transport import Credentials
from dayfile.model.account import Account, AccountSid, AccountState
from dayfile.model.day import Day, DayRange
from dayfile.model.job import JobSid
from dayfile.model.notice import (
    ATTEMPT_SECONDS,
    Channel,
    EventSid,
    JobContent,
    NewNotice,
    Notice,
    NoticeEvent,
    Outcome,
    Result,
)
from dayfile.model.resource import MESSAGES
from dayfile.model.secret import InstanceKey, encrypt
from dayfile.store import schema
from dayfile.store.database import Database
from dayfile.work.loop import Loop

WAITING, DEAD_HOSTS, EVENTS, MANY = 10_000, 200, 50, 2_000
KEY = InstanceKey(b"k" * 32)
DAY = Day.parse("2026-10-01")


class Randomness:
    """Enough for jitter."""

    def hex(self, digits: int) -> str:
        return "0" * digits

    def alphanumeric(self, length: int) -> str:
        return "0" * length

    def octets(self, count: int) -> bytes:
        return b"\x80" * count


class Call:
    """The plainest transport: it posts the event sid."""

    def deliver(self, notice: Notice, *, attempt: int, credentials: Credentials, now: datetime) -> Outcome:
        del attempt, credentials, now
        port, status, error = urlsplit(notice.receiver).port, None, None
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ATTEMPT_SECONDS)
        try:
            connection.request("POST", "/", body=notice.sid)
            status = connection.getresponse().status
        except OSError as failure:
            error = str(failure)
        finally:
            connection.close()
        result = Result.DELIVERED if status == 200 else Result.FAILED
        return Outcome(result=result, status=status, error=error, answer=b"", retry_after=None)


class Prompt(ThreadingHTTPServer):
    """A receiver that answers at once and remembers when it heard of what."""

    request_queue_size = 256

    def __init__(self) -> None:
        self.heard: dict[str, float] = {}
        self.changed = changed = threading.Condition()
        heard = self.heard

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = self.rfile.read(int(self.headers["content-length"])).decode()
                with changed:
                    heard[event] = time.perf_counter()
                    changed.notify_all()
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Answer)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def wait_for(self, events: list[EventSid]) -> None:
        with self.changed:
            self.changed.wait_for(lambda: all(event in self.heard for event in events))


def sid(prefix: str, name: str) -> str:
    """The sid for a name."""
    return prefix + hashlib.sha256(name.encode()).hexdigest()[:32]


def an_account(database: Database, name: str) -> AccountSid:
    """A new account."""
    account = AccountSid(sid("AC", name))
    with database.transaction() as tx:
        tx.accounts.add(
            Account(
                sid=account,
                parent=None,
                state=AccountState.ACTIVE,
                friendly_name=name,
                email=None,
                created_at=datetime.now(UTC),
            ),
            login_hash=b"",
            encrypted_token=encrypt(KEY, sid=account, secret=name, nonce=b"n" * 12),
        )
    return account


def a_notice(account: AccountSid, name: str, port: int, host: str = "127.0.0.1") -> NewNotice:
    """Something to tell."""
    return NewNotice(
        sid=EventSid(sid("EV", name)),
        account=account,
        event=NoticeEvent.JOB_FINISHED,
        channel=Channel.WEBHOOK,
        receiver=f"http://{host}:{port}/",
        method="POST",
        resource_type=MESSAGES,
        job_sid=JobSid(sid("JS", name)),
        day=None,
        generation=None,
        content=JobContent(
            friendly_name=name, days=DayRange(first=DAY, last=DAY), days_completed=1, days_empty=0, days_failed=0
        ),
    )


def tell(database: Database, notices: list[NewNotice]) -> None:
    """Write to the outbox."""
    with database.transaction() as tx:
        tx.notices.add(notices, now=datetime.now(UTC))


@contextlib.contextmanager
def delivering(database: Database):  # noqa: ANN201 - a script
    """A dispatcher in a loop, as in a worker; what wakes it, as a commit in its process does."""

    def wake() -> None:
        loop.wake()

    with ThreadPoolExecutor(THREADS) as pool:
        dispatch = Dispatcher(
            database,
            worker="bench",
            clock=SystemClock(),
            randomness=Randomness(),
            key=KEY,
            transports=dict.fromkeys(Channel, Call()),
            executor=pool,
            wake=wake,
        )
        loop = Loop("notices", {"notices": dispatch.step}, clock=SystemClock())
        loop.start()
        try:
            yield wake
        finally:
            dispatch.stop()
            loop.stop()
            loop.join()


def latencies(database: Database, account: AccountSid, prompt: Prompt, label: str) -> list[float]:
    """The seconds from an event to its receiver, for events that come one after the other."""
    found = []
    with delivering(database) as wake:
        time.sleep(3)  # the dead ones take what they can get
        for number in range(EVENTS):
            new = a_notice(account, f"{label} {number}", prompt.server_address[1])
            began = time.perf_counter()
            tell(database, [new])
            wake()
            prompt.wait_for([new.sid])
            found.append(prompt.heard[new.sid] - began)
            time.sleep(0.1)
    return found


def show(label: str, seconds: list[float]) -> None:
    """One line."""
    ordered = sorted(seconds)
    print(
        f"{label:<58} median {statistics.median(ordered) * 1000:6.1f} ms   "
        f"p95 {ordered[int(len(ordered) * 0.95)] * 1000:6.1f} ms   most {ordered[-1] * 1000:6.1f} ms"
    )


def measure(label: str, *, waiting: int, hosts: int) -> None:
    """Another account's notices while so many wait for dead receivers."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database.connect(f"sqlite:///{Path(folder) / 'dayfile.sqlite'}")
        schema.migrate(database)
        dead = socket.create_server(("127.0.0.1", 0), backlog=4096)  # connections are never accepted
        port, prompt = dead.getsockname()[1], Prompt()
        account, sufferer = an_account(database, "prompt"), an_account(database, "one dead receiver")
        for first in range(0, waiting, 1000):
            tell(database, [a_notice(sufferer, f"w{number}", port) for number in range(first, first + 1000)])
        for number in range(hosts):
            tell(database, [a_notice(an_account(database, f"h{number}"), f"h{number}", port, f"h{number}.example")])
        show(label, latencies(database, account, prompt, label))
        dead.close()
        database.close()


def measure_rate(accounts: int) -> None:
    """Measure how fast many notices go out to one prompt receiver, for so many accounts."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database.connect(f"sqlite:///{Path(folder) / 'dayfile.sqlite'}")
        schema.migrate(database)
        prompt = Prompt()
        sids = [an_account(database, f"a{number}") for number in range(accounts)]
        news = [a_notice(sids[n % accounts], f"n{n}", prompt.server_address[1]) for n in range(MANY)]
        tell(database, news)
        began = time.perf_counter()
        with delivering(database):
            prompt.wait_for([new.sid for new in news])
        took = time.perf_counter() - began
        print(f"{MANY:,} notices of {accounts:>2} accounts to one prompt host: {MANY / took:6.0f} a second")
        database.close()


def main() -> None:
    """Measure and print, which takes ten minutes."""
    formatter = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(description=__doc__, formatter_class=formatter).parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    print(f"An event to its receiver, on SQLite; Python {sys.version.split()[0]}")
    measure("nothing else to do", waiting=0, hosts=0)
    measure(f"{WAITING:,} notices wait for one receiver that hangs", waiting=WAITING, hosts=0)
    measure(f"the same, and {DEAD_HOSTS} accounts with a receiver that hangs", waiting=WAITING, hosts=DEAD_HOSTS)
    measure_rate(1)
    measure_rate(16)


if __name__ == "__main__":
    main()
