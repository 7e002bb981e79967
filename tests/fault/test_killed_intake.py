"""SIGKILL of a real server while several senders send: what was acknowledged is there, and nothing is half there."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from dayfile.model.account import AccountSid
from tests.e2e.cli_instance import PATIENCE_SECONDS, Instance, Process, ready_address, serving
from tests.support.doomed import STEPS
from tests.support.records import Sent, body_of
from tests.support.remains import DAY, Remains, remains_of
from tests.support.state import a_sid

PATH = "/v1/Records/Messages"
SENDERS = 6
BEYOND_START = 20  # steps: with fewer, a server may die before it says where it listens
SIZES = (1, 1, 1, 30, 250)  # records of a batch: the largest are objects of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Records of one sender that are sent together."""

    number: int  # the sender's, from 1
    sender: int
    sent: Sequence[Sent]

    @property
    def key(self) -> str:
        """Its idempotency key."""
        return f"{self.sender}-{self.number}"


@dataclass
class Sender:
    """A platform: sends batch after batch, each with new records and with a newer version of one that all have."""

    number: int
    account: AccountSid
    seed: str
    batches: list[Batch] = field(default_factory=list)
    acknowledged: set[int] = field(default_factory=set)

    def next_batch(self) -> Batch:
        """The batch that is sent next."""
        number = len(self.batches) + 1
        size = SIZES[int(a_sid("", f"{self.seed}/{number}"), 16) % len(SIZES)]
        names = [f"{self.number}/{number}/{n}" for n in range(size)]
        sent = [self._message(name, number) for name in names]
        batch = Batch(number=number, sender=self.number, sent=[*sent, self._message(f"{self.number}/same", number)])
        self.batches.append(batch)
        return batch

    @property
    def unanswered(self) -> list[Batch]:
        """Return the batches that a sender sends again after trouble: all that it has no receipt for."""
        return [batch for batch in self.batches if batch.number not in self.acknowledged]

    def check(self, found: dict[str, str], *, is_complete: bool) -> None:
        """Compare with what is exported of its account, bodies by sid, and take what is its own out of that."""
        newest = 0
        for batch in self.batches:
            there = [one.sid in found for one in batch.sent[:-1]]
            assert all(there) or not any(there), f"batch {batch.key} is half there"
            assert all(there) or not (is_complete or batch.number in self.acknowledged), f"batch {batch.key} is lost"
            if all(there):
                newest = batch.number
                assert [found.pop(one.sid) for one in batch.sent[:-1]] == [one.body for one in batch.sent[:-1]]
        if newest:
            assert found.pop(a_sid("SM", f"{self.number}/same")) == self.batches[newest - 1].sent[-1].body

    def _message(self, name: str, version: int) -> Sent:
        noise = "".join(a_sid("", f"{name} {n}") for n in range(8))  # hard to compress
        return Sent(
            account=self.account,
            name=name,
            created=f"{DAY}T10:00:00Z",
            updated=f"{DAY}T{10 + version // 3600:02}:{version // 60 % 60:02}:{version % 60:02}Z",
            body=f"{version:<4}{noise}",
        )


class Crowd:
    """Senders that send at the same time, until the server is gone."""

    def __init__(self, remains: Remains, seed: str) -> None:
        self.login = remains.new_login()
        accounts = [remains.new_account() for _ in range(2)]
        self.senders = [Sender(number=n, account=accounts[n % 2], seed=f"{seed}/{n}") for n in range(SENDERS)]
        self._answered = 0
        self._lock = threading.Lock()

    def send_until_killed(self, url: str, process: Process, *, after: int | None) -> None:
        """Send; the one who gets the receipt number `after` kills the server at once, with the others under way."""

        def send(sender: Sender) -> None:
            with self._client(url) as client, contextlib.suppress(httpx2.TransportError):
                while self._post(client, sender, sender.next_batch()):
                    with self._lock:
                        self._answered += 1
                        if self._answered == after:
                            process.kill()

        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(send, self.senders))
        assert process.wait(PATIENCE_SECONDS) == -signal.SIGKILL
        assert process.stdout is not None
        process.stdout.close()

    def send_again(self, url: str) -> None:
        """Send what was not answered, to a server that lives."""
        with self._client(url) as client:
            for sender in self.senders:
                for batch in sender.unanswered:
                    assert self._post(client, sender, batch)

    def check(self, remains: Remains, *, is_complete: bool) -> None:
        """Everything acknowledged is there once, in its newest version; nothing is half there or out of nowhere."""
        assert remains.findings() == []
        exported = remains.records()
        for account in {sender.account for sender in self.senders}:
            records = exported.pop(account, [])
            found = {record["sid"]: record["body"] for record in records}
            assert len(found) == len(records), "a record is there twice"
            for sender in self.senders:
                if sender.account == account:
                    sender.check(found, is_complete=is_complete)
            assert found == {}, "a record that nobody has sent"
        assert exported == {}
        assert remains.findings() == []

    def _client(self, url: str) -> httpx2.Client:
        return httpx2.Client(base_url=url, auth=self.login, timeout=PATIENCE_SECONDS)

    @staticmethod
    def _post(client: httpx2.Client, sender: Sender, batch: Batch) -> bool:
        answer = client.post(PATH, content=body_of(batch.sent), headers={"Idempotency-Key": batch.key})
        assert answer.status_code == 200, answer.text
        assert answer.json()["accepted"] == len(batch.sent)
        sender.acknowledged.add(batch.number)
        return True


def _kill_and_check(folder: Path, *, after: int | None = None, doomed_at: str = "") -> None:
    """One life of a server, killed in its midst, and the next one."""
    folder.mkdir(exist_ok=True)
    instance = Instance(folder)
    data = folder / "data"
    with remains_of(data) as remains:
        crowd = Crowd(remains, f"{after} {doomed_at}")
    with instance.start("serve", "--port", "0", doomed_at=doomed_at) as process:
        crowd.send_until_killed(ready_address(process), process, after=after)
    with remains_of(data) as remains:
        crowd.check(remains, is_complete=False)
    with serving(instance, "--no-worker") as again:
        crowd.send_again(again.url)
    with remains_of(data) as remains:
        crowd.check(remains, is_complete=True)


@pytest.mark.parametrize("after", [12, 150])
def test_a_server_that_is_killed_keeps_what_it_acknowledged(tmp_path: Path, after: int) -> None:
    """A receipt is a promise; a power cut or an impatient operator does not ask when it is convenient."""
    _kill_and_check(tmp_path, after=after)


@pytest.mark.parametrize("step", ["sync", "committed"])
def test_a_server_that_dies_while_it_writes_leaves_no_half_batch(tmp_path: Path, step: str) -> None:
    """Its object is there, and no row; or all of it is there, and nobody has been answered."""
    _kill_and_check(tmp_path, doomed_at=f"{step}:{BEYOND_START}")


@pytest.mark.slow
@pytest.mark.parametrize("number", [*range(BEYOND_START, 80, 3), *range(100, 200, 25)])
@pytest.mark.parametrize("step", STEPS)
def test_a_server_may_die_at_any_step(tmp_path: Path, step: str, number: int) -> None:
    """As above, at many more points."""
    _kill_and_check(tmp_path, doomed_at=f"{step}:{number}")


@pytest.mark.slow
@pytest.mark.parametrize("after", [*range(1, 30), *range(40, 400, 30)])
def test_a_server_may_be_killed_after_any_receipt(tmp_path: Path, after: int) -> None:
    """As above, with many more moments."""
    _kill_and_check(tmp_path, after=after)
