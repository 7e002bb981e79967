"""The quota over HTTP: exact when many ask at once, shared by a family, and counted anew at midnight UTC."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

from tests.support.face import Face, Login, served_face

JOBS = "/v1/Exports/Messages/Jobs"
AT_ONCE = 50


def ask(face: Face, login: Login, days: int) -> httpx2.Response:
    """Ask for so many days."""
    last = datetime(2026, 11, 20, tzinfo=UTC)
    first = last - timedelta(days=days - 1)
    form = {"StartDay": f"{first:%Y-%m-%d}", "EndDay": f"{last:%Y-%m-%d}", "FriendlyName": "many"}
    return httpx2.post(face.url + JOBS, data=form, auth=login.basic, timeout=60)


def test_as_many_succeed_as_fit_whoever_is_first(tmp_path: Path) -> None:
    """Fifty requests of a parent and two subaccounts at the edge: 366 days are 36 jobs of 10, and not one more."""
    with served_face(tmp_path) as face:
        parent = face.account()
        family = [parent, face.account(parent=parent.sid), face.account(parent=parent.sid)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(lambda n: ask(face, family[n % 3], 10), range(AT_ONCE)))
        refused: list[dict[str, Any]] = [answer.json() for answer in answers if answer.status_code != 201]
        assert len(answers) - len(refused) == 36
        assert {(body["status"], body["code"]) for body in refused} == {(400, 20001)}
        for body in refused:
            assert "asks for 10 days, and 6 of 366 are left" in body["message"]
            assert "the count starts anew on 2026-11-24 (UTC)" in body["message"]
        assert ask(face, family[1], 6).status_code == 201
        assert "and 0 of 366 are left" in ask(face, family[2], 1).json()["message"]
        assert ask(face, face.account(), 366).status_code == 201, "another family has its own"


def test_the_count_starts_anew_at_midnight_utc_and_not_a_second_before(tmp_path: Path) -> None:
    """The message says when, and it is true."""
    with served_face(tmp_path, quota_days=10) as face:
        parent = face.account()
        child = face.account(parent=parent.sid)
        face.clock.pass_until(datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC))
        assert ask(face, child, 10).status_code == 201
        assert ask(face, parent, 1).status_code == 400
        face.clock.pass_by(timedelta(seconds=1))
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda n: ask(face, (parent, child)[n % 2], 2).status_code, range(8)))
        assert sorted(answers) == [201] * 5 + [400] * 3
