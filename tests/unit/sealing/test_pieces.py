"""A seal that is cut into pieces by accounts, as many machines would share it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dayfile.model.account import AccountSid
from dayfile.model.export import NewSealedDay
from dayfile.sealing.execution import Executed, execute_piece
from dayfile.sealing.piece import Piece
from tests.support.damaged_day import noise
from tests.support.records import Sent
from tests.support.state import an_account
from tests.support.world import World

pytestmark = pytest.mark.usefixtures("small_files")

DAY = "2026-11-01"
NAMES = ("acme", "other", "third", "fourth")


class Cutting(Executor):
    """An engine that makes two pieces of one: of the accounts up to one of them, and of those after it."""

    def __init__(self, first_of_second: AccountSid, last_of_first: AccountSid) -> None:
        self.pieces: list[list[NewSealedDay]] = []
        self._first_of_second, self._last_of_first = first_of_second, last_of_first

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        [piece] = args
        assert fn is execute_piece
        assert isinstance(piece, Piece)
        halves = (
            replace(
                piece,
                last_account=self._last_of_first,
                formers=tuple(one for one in piece.formers if one.account <= self._last_of_first),
            ),
            replace(
                piece,
                first_account=self._first_of_second,
                formers=tuple(one for one in piece.formers if one.account >= self._first_of_second),
            ),
        )
        made = [list(execute_piece(half, **kwargs).sealed) for half in halves]
        self.pieces += made
        done: Future[Any] = Future()
        done.set_result(Executed(sealed=tuple(one for half in made for one in half)))
        return done


def _sent(account: AccountSid, number: int, *, body: str) -> Sent:
    at = f"{DAY}T10:00:00Z"
    return Sent(account=account, name=f"{account} {number}", created=at, updated=at[:-3] + "01Z", body=body)


def _sealed_twice(folder: Path, engine: Executor | None = None) -> list[tuple[AccountSid, int, bytes, str]]:
    """Seal records of several accounts, then late ones of some; the account, revision, bytes and text hash of each."""
    folder.mkdir()
    world = World(folder, engine=engine)
    accounts = [an_account(world.database, name).sid for name in NAMES]
    # More than a block of text of each, so that a block which began in another account's text would show.
    world.accept([_sent(account, number, body=noise(number)) for account in accounts for number in range(100)])
    world.seal(DAY)
    world.accept([_sent(account, number, body="late") for account in accounts[1:] for number in (5, 500)])
    world.seal(DAY)
    found = []
    for account in sorted(accounts):
        sealed = world.sealed(account, DAY)
        assert sealed is not None
        found.append((account, sealed.revision, world.bytes_of(sealed), sealed.plain_sha256))
    assert world.findings() == []
    world.close()
    return found


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_two_pieces_give_the_bytes_of_one(tmp_path: Path, cut: int) -> None:
    """Wherever a day is cut: how many machines have sealed it must not show in any file."""
    whole = _sealed_twice(tmp_path / "whole")
    accounts = [account for account, *_ in whole]
    engine = Cutting(accounts[cut], accounts[cut - 1])
    assert _sealed_twice(tmp_path / "cut", engine) == whole
    first, second, *_ = engine.pieces
    assert [one.account for one in first] == accounts[:cut]
    assert [one.account for one in second] == accounts[cut:]
