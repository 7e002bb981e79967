"""A worker of a cluster: what it refuses before it does anything, and how work and errors arrive."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dayfile import __version__
from dayfile.errors import (
    Corrupt,
    DayfileError,
    EngineUnavailable,
    NotFound,
    StorageUnavailable,
    Unusable,
)
from dayfile.files.soundness import is_of_one_object
from dayfile.files.storage import LocalStorage
from dayfile.files.workplace import Workplace
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.resource import PARTICIPANTS
from dayfile.sealing.examine import Unsound, examine
from dayfile.sealing.execution import MOST_EXECUTIONS, execute_piece, number_key
from dayfile.sealing.piece import FormerFile, Piece, SegmentInput
from dayfile.service import execute_task
from dayfile.store.instance import SCHEMA
from dayfile.work import task
from dayfile.work.task import pack, perform, refusal_in, unpack
from tests.support.randomness import SeededRandomness
from tests.support.state import a_sid

PIECE = Piece(
    resource_type=PARTICIPANTS,
    day=Day.parse("2026-11-01"),
    segments=(SegmentInput(id=7, key="segments/x.parquet", checksum=3, blocks=(1, 2)),),
    formers=(),
    first_account=None,
    last_account=None,
    unique="mark",
    pack_below=0,
)


@pytest.mark.parametrize(("version", "schema"), [("9.9.9", SCHEMA), (__version__, "9999")])
def test_work_of_another_version_is_refused_unread(version: str, schema: str) -> None:
    """It may mean something else there. The message says what to install where, and the work is given back."""
    refused = execute_task(version, schema, b"what another version writes")
    message = rf"has Dayfile {__version__} \(schema {SCHEMA}\), and the work is of {version} \(schema {schema}\)"
    with pytest.raises(EngineUnavailable, match=message):
        unpack(refused, examine)


@pytest.mark.parametrize("url", [None, "file:///nowhere/at/all", "ftp://host"])
def test_a_worker_without_the_storage_refuses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str | None) -> None:
    """It would make a storage of its own, and put the day there."""
    monkeypatch.setenv("DAYFILE_DATA_DIR", str(tmp_path))
    if url is not None:
        monkeypatch.setenv("DAYFILE_STORAGE_URL", url)
    assert "DAYFILE_STORAGE_URL" in refusal_in(execute_task(__version__, SCHEMA, pack(examine, PIECE)))
    assert not list(tmp_path.glob("objects*"))


def _place(folder: Path) -> Workplace:
    (folder / "scratch").mkdir()
    storage = LocalStorage.open(folder / "objects")
    return Workplace(
        storage=storage, scratch=folder / "scratch", memory_bytes=1 << 27, threads=1, shared=SeededRandomness("worker")
    )


def test_a_piece_arrives_as_it_was_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything in it arrives: a former file, accounts, blocks. No path of any machine is in it."""
    former = FormerFile(
        account=AccountSid(a_sid("AC", "a")),
        key=None,
        place=None,
        size_bytes=0,
        plain_bytes=0,
        revision=2,
        plain_sha256="",
        is_lost=True,
    )
    sent = replace(PIECE, formers=(former,), bereft=frozenset({AccountSid(a_sid("AC", "b"))}))
    arrived: list[Piece] = []

    def work(piece: Piece, *, at: Workplace) -> Unsound:
        arrived.append(piece)
        return Unsound()

    monkeypatch.setitem(task._KINDS, "examine", task._Kind(work=work, gives=Unsound))
    data = pack(examine, sent)
    assert unpack(perform(data, at=_place(tmp_path), host="h"), examine) == Unsound()
    assert arrived == [sent]
    assert str(tmp_path).encode() not in data


ERRORS = [
    Corrupt("a segment is damaged"),
    NotFound("there is no object"),
    Unusable("more memory"),
    StorageUnavailable("cannot write: the disk is full"),
    EngineUnavailable("begun too often"),
    OSError(5, "Input/output error"),
    KeyError("a bug"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("errno", [None, 5, 28])
def test_an_error_arrives_with_what_is_asked_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, errno: int | None
) -> None:
    """Damage and a storage that is away mean different things for the day."""
    if errno is not None:
        error.__cause__ = OSError(errno, "of the system")

    def work(piece: Piece, *, at: Workplace) -> None:
        raise error

    monkeypatch.setitem(task._KINDS, "examine", task._Kind(work=work, gives=Unsound))
    with pytest.raises(Exception, match=str(error.args[-1])) as raised:
        unpack(perform(pack(examine, PIECE), at=_place(tmp_path), host="far"), examine)
    assert is_of_one_object(raised.value) == is_of_one_object(error)
    if isinstance(error, DayfileError):
        assert type(raised.value) is type(error)
        assert "on the worker far" in str(raised.value)
    error.__cause__ = None


def test_a_piece_that_was_begun_too_often_is_given_back(tmp_path: Path) -> None:
    """Workers die of it, one after the other: it must not go round a cluster for ever."""
    place = _place(tmp_path)
    for number in range(1, MOST_EXECUTIONS + 1):
        place.storage.put(number_key(PIECE, number), [])
    with pytest.raises(EngineUnavailable, match=f"was begun {MOST_EXECUTIONS} times and never finished"):
        execute_piece(PIECE, at=place)
