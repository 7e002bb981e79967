"""Answers of the event loop on PostgreSQL: the same as those of threads, of which most need none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from starlette.requests import HTTPConnection

from dayfile.api import readings
from dayfile.api.readings import Readings
from tests.support.face import Face, Login, served_face
from tests.support.postgres import a_postgres_url

DAY = "2026-11-01"
EXPORTS = "/v1/Exports/Messages"
_READINGS_OF = readings.readings_of


@pytest.fixture
def face(tmp_path: Path) -> Iterator[Face]:
    """An instance on PostgreSQL, with objects in a folder."""
    with served_face(tmp_path, database_url=a_postgres_url()) as face:
        yield face


@pytest.fixture
def account(face: Face) -> Login:
    """An account with a published day, a job that is over and one that waits."""
    account = face.account()
    face.seal(account, DAY, b'{"sid":"SM1"}\n')
    face.publish(account, DAY)
    return account


@pytest.fixture
def in_threads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the readings that went to a thread so far."""
    paths: list[str] = []

    def readings_of(request: HTTPConnection) -> Readings:
        paths.append(request.url.path)
        return _READINGS_OF(request)

    monkeypatch.setattr(readings, "readings_of", readings_of)
    return paths


def _from_loop(client: httpx2.Client, path: str, in_threads: list[str]) -> httpx2.Response:
    """The first answer that no thread has made: there must be a connection for the loop, and a rate be known."""
    while True:
        in_threads.clear()
        answer = client.get(path)
        if not in_threads:
            return answer


def test_they_are_those_of_threads(face: Face, account: Login, in_threads: list[str]) -> None:
    """An answer says nothing of who has made it."""
    with face.client(account) as client:
        job = client.get(f"{EXPORTS}/Jobs").json()["jobs"][0]["job_sid"]
        paths = [
            *(EXPORTS, f"{EXPORTS}/Days", f"{EXPORTS}/Days?PageSize=1&Page=3", f"{EXPORTS}/Jobs"),
            *(f"/v1/Exports/Jobs/{job}", f"/v1/Exports/Jobs/JS{'0' * 32}"),
            *(f"{EXPORTS}/Configuration", f"{EXPORTS}/Days/{DAY}/Manifest", f"{EXPORTS}/Days/2026-11-02/Manifest"),
        ]
        answers = {path: _from_loop(client, path, in_threads) for path in paths}
        face.database.engine.dispose()  # and with it the loop's connection
        for path in paths:
            face.database.engine.dispose()
            answer = client.get(path)
            assert (answer.status_code, answer.content) == (answers[path].status_code, answers[path].content)
    assert len(in_threads) >= len(paths) - 1, "that of an export needs no database once it is known who asks"


def test_a_job_that_waits_is_told_its_place(face: Face, account: Login, in_threads: list[str]) -> None:
    """The place comes with the job, so that it is of the same moment."""
    form = {"StartDay": DAY, "EndDay": DAY, "FriendlyName": "waits"}
    with face.client(account) as client:
        jobs = [client.post(f"{EXPORTS}/Jobs", data=form).json()["job_sid"] for _ in range(3)]
        for place, sid in enumerate(jobs, start=1):
            assert _from_loop(client, f"/v1/Exports/Jobs/{sid}", in_threads).json()["job_queue_position"] == str(place)
        face.work()
        assert _from_loop(client, f"/v1/Exports/Jobs/{jobs[2]}", in_threads).json()["job_queue_position"] is None


def test_a_small_file_is_downloaded_whole_or_in_part(face: Face, account: Login) -> None:
    """Also a damaged one is told as ever: a thread records that."""
    with face.client(account) as client:
        link = client.get(f"{EXPORTS}/Days/{DAY}").json()["redirect_to"]
        whole = client.get(link).content
        for _ in range(20):
            assert client.get(link).content == whole
            part = client.get(link, headers={"Range": "bytes=3-"})
            assert (part.status_code, part.content) == (206, whole[3:])
        [file] = list(face.folder.glob("objects/sealed/**/*.gz"))
        file.write_bytes(bytes(len(whole)))
        assert client.get(link).status_code == 500
    with face.database.snapshot() as tx:
        assert tx.damages.count() == 1
