"""An instance that has something to tell, its dispatcher, and a transport that does what the test says."""

from __future__ import annotations

from concurrent.futures import Executor
from pathlib import Path

from dayfile.delivery.dispatcher import Dispatcher
from dayfile.model.account import AccountSid
from dayfile.model.notice import Attempt, Channel, NewNotice, Notice
from dayfile.store.database import Database
from tests.support.clock import FakeClock
from tests.support.notices import AtOnce, RecordingTransport, a_notice, told
from tests.support.randomness import SeededRandomness
from tests.support.state import KEY, a_database, an_account


class Office:
    """One process of it."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.database: Database = a_database(folder)
        self.acme: AccountSid = an_account(self.database).sid
        self.transport = RecordingTransport()
        self.dispatcher = self.new_dispatcher()
        self.woken = 0

    def new_dispatcher(self, executor: Executor | None = None, *, database: Database | None = None) -> Dispatcher:
        """Another dispatcher, whose attempts are made at once unless it has threads."""
        return Dispatcher(
            database or self.database,
            worker="w",
            clock=self.clock,
            randomness=SeededRandomness(),
            key=KEY,
            transports={Channel.WEBHOOK: self.transport, Channel.MAIL: self.transport},
            executor=executor or AtOnce(),
            wake=self._wake,
        )

    def _wake(self) -> None:
        self.woken += 1

    def tell(self, *names: str, account: AccountSid | None = None, receiver: str = "https://example.com/") -> NewNotice:
        """Write notices of these names, one after another; the last."""
        news = [a_notice(account or self.acme, name, receiver=receiver) for name in names]
        for new in news:
            told(self.database, new, now=self.clock.now())
        return news[-1]

    def deliver(self) -> None:
        """Run steps until there is nothing to do now."""
        while self.dispatcher.step():
            pass

    def find(self, new: NewNotice) -> Notice:
        """The notice as it stands."""
        with self.database.snapshot() as tx:
            return tx.notices.get(new.sid)

    def attempts(self, new: NewNotice) -> list[Attempt]:
        """Its attempts."""
        with self.database.snapshot() as tx:
            return tx.notices.attempts(new.sid)
