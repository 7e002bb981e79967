"""A transaction that the database undoes at its first try, after a long wait: it runs again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dayfile.errors import Undone
from tests.support.clock import FakeClock

WAITED = timedelta(seconds=30)


def undo_once(monkeypatch: pytest.MonkeyPatch, part: type, method: str, clock: FakeClock) -> None:
    """Have the first call of a method of the store be undone when it is done and half a minute has passed."""
    real, tries = getattr(part, method), []

    def undone_once(*args: Any, **rest: Any) -> Any:
        done = real(*args, **rest)
        tries.append(done)
        if len(tries) == 1:
            clock.pass_by(WAITED)
            raise Undone("another transaction was first")
        return done

    monkeypatch.setattr(part, method, undone_once)
