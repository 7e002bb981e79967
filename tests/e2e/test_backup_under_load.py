"""A backup of a real server that is sent records and seals them meanwhile, restored elsewhere."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2

from dayfile.cli.exit_codes import Outcome
from dayfile.model.account import AccountSid
from tests.e2e.cli_instance import PATIENCE_SECONDS, Instance, Server, serving
from tests.support.records import Sent, body_of
from tests.support.remains import DAY, Remains, remains_of

SENDERS = 3
SIZES = itertools.cycle((1, 5, 200))  # the largest become objects of their own


class Platform:
    """Senders that send batch after batch until they are told to stop, and know what was acknowledged, in order."""

    def __init__(self, account: AccountSid, login: tuple[str, str]) -> None:
        self._account, self._login = account, login
        self._is_over = threading.Event()
        self._numbers = itertools.count()
        self.acknowledged: list[Sent] = []
        self.sent: list[Sent] = []

    @contextmanager
    def sending(self, url: str) -> Iterator[None]:
        """Send while the block runs."""
        with ThreadPoolExecutor(SENDERS) as pool:
            senders = [pool.submit(self._send, url) for _ in range(SENDERS)]
            try:
                yield
            finally:
                self._is_over.set()
            for sender in senders:
                sender.result()

    def _send(self, url: str) -> None:
        with httpx2.Client(base_url=url, auth=self._login, timeout=PATIENCE_SECONDS) as client:
            while not self._is_over.is_set():
                batch = [self._message() for _ in range(next(SIZES))]
                self.sent += batch
                client.post("/v1/Records/Messages", content=body_of(batch)).raise_for_status()
                self.acknowledged += batch

    def _message(self) -> Sent:
        at = f"{DAY}T10:00:00Z"
        return Sent(account=self._account, name=f"m{next(self._numbers)}", created=at, updated=at)


def _wait_for_seals(instance: Instance, *, number: int) -> None:
    sealed = (event for event in instance.logged() if event["event"] == "day.sealed")
    assert len(list(itertools.islice(sealed, number))) == number


def _backed_up(server: Server, platform: Platform, to: Path) -> tuple[Sequence[Sent], Sequence[Sent]]:
    """Back up between two seals; what was acknowledged before the backup began, and what while it ran."""
    _wait_for_seals(server.instance, number=1)
    before = len(platform.acknowledged)
    server.instance.run("backup", str(to), "--with-key")
    after = len(platform.acknowledged)
    _wait_for_seals(server.instance, number=2)
    return platform.acknowledged[:before], platform.acknowledged[before:after]


def _sids(remains: Remains) -> set[str]:
    return {str(record["sid"]) for records in remains.records().values() for record in records}


def test_nothing_that_was_acknowledged_before_a_backup_is_missing_from_it(tmp_path: Path) -> None:
    """Senders go on, days are sealed and segments go, between the copy of the database and that of the last object.

    What came later is named where its objects are, and is there again once the platform has sent it again.
    """
    with remains_of(tmp_path / "data") as remains:
        platform = Platform(remains.new_account(), remains.new_login())
    at_once = {"DAYFILE_DAY_GRACE_MINUTES": "0", "DAYFILE_LATE_QUIET_MINUTES": "0"}
    with serving(Instance(tmp_path, at_once)) as server, platform.sending(server.url):
        before, meanwhile = _backed_up(server, platform, tmp_path / "backup")
    assert before
    assert meanwhile

    new = Instance(tmp_path, {"DAYFILE_DATA_DIR": str(tmp_path / "new")})
    new.run("restore", str(tmp_path / "backup"))
    assert "All is well" in new.run("check", "--deep").stdout
    with remains_of(tmp_path / "new") as remains:
        restored = _sids(remains)
    assert {one.sid for one in before} <= restored <= {one.sid for one in platform.sent}

    objects = {"DAYFILE_STORAGE_URL": f"file://{tmp_path}/data/objects"}
    beside = Instance(tmp_path, {"DAYFILE_DATA_DIR": str(tmp_path / "beside"), **objects})
    beside.run("restore", str(tmp_path / "backup"), "--beside-other-objects")
    named = beside.run("check", "--deep", expect=Outcome.FAILED).stdout
    later = {key for key in _keys(tmp_path / "data" / "objects") if key not in _keys(tmp_path / "new" / "objects")}
    assert any(key in named for key in later)
    with remains_of(tmp_path / "new") as remains:
        remains.take_in([one for one in platform.acknowledged if one.sid not in restored])
        assert {one.sid for one in platform.acknowledged} <= _sids(remains)


def _keys(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
