"""Die, or fail, at every step of a seal that meets damage, and of what becomes of that damage: nothing is lost."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from dayfile.errors import Transient
from dayfile.model.account import AccountSid
from dayfile.model.credential import Actor
from dayfile.model.damage import DamageKind
from dayfile.model.day import Day
from dayfile.model.resource import MESSAGES
from tests.support.damage import flip
from tests.support.records import Sent, newest
from tests.support.state import a_sid, an_account
from tests.support.steps import Died, Steps
from tests.support.stored_file import StoredFile
from tests.support.world import World

# The thread that commits dies with the process that these tests kill.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

LANES = 40
"""No multiple of three: as in test_every_step.py, one lane runs every time, all of them with `make test-all`."""

dealt_out = pytest.mark.parametrize(
    "lane", [pytest.param(lane, marks=[pytest.mark.slow] if lane else []) for lane in range(LANES)]
)

LEAST_STEPS = 60
DAY = "2026-11-01"
ACME, OTHER, THIRD = (AccountSid(a_sid("AC", name)) for name in ("acme", "other", "third"))


def _message(account: AccountSid, name: str, *, updated: int = 1, body: str = "hello") -> Sent:
    at = f"{DAY}T10:00:00Z"
    return Sent(account=account, name=f"{account} {name}", created=at, updated=at[:-3] + f"{updated:02}Z", body=body)


def _noise(number: int) -> str:
    return "".join(a_sid("", f"{number} {part}") for part in range(60))  # does not compress, so it needs an object


FIRST = [_message(account, name) for account in (ACME, OTHER, THIRD) for name in ("a", "b")]
LARGE = [_message(OTHER, f"{number:03}", body=_noise(number)) for number in range(300)]
LATE = [_message(account, "a", updated=5, body="late") for account in (ACME, OTHER, THIRD)]
MORE = [_message(account, "b", updated=5, body="more") for account in (ACME, OTHER, THIRD)]


class Story:
    """A file of one account and a segment of another are damaged; both are restored, or given up."""

    def __init__(self, *, restores: bool) -> None:
        self.restores = restores
        self._done = 0

    def run(self, world: World) -> None:
        """Go on from where it stopped, to its end."""
        chapters: Sequence[Callable[[World], None]] = (
            self._work,
            self._send,
            self._work,
            self._resolve,
            self._work,
            self._aftermath,
        )
        while self._done < len(chapters):
            chapters[self._done](world)
            self._done += 1

    def _send(self, world: World) -> None:
        world.accept(MORE, idempotency_key="more")

    def _work(self, world: World) -> None:
        world.clock.pass_by(timedelta(minutes=11))
        world.work()

    def _resolve(self, world: World) -> None:
        if self.restores:
            for key, was in _intact(world.folder).items():
                (world.folder / "objects" / key).write_bytes(was)
        with world.database.snapshot() as tx:
            found = tx.damages.page(limit=10)
        for damage in found:
            (world.repairs.retry if self.restores else world.repairs.accept)(damage.key, actor=Actor(name="operator"))

    def _aftermath(self, world: World) -> None:
        for _ in range(3):
            world.clock.pass_by(timedelta(minutes=6))
            world.work()
        for _ in range(4):
            world.clock.pass_by(timedelta(minutes=31))
            while world.sweep.step():
                pass


def _intact(folder: Path) -> dict[str, bytes]:
    """The objects that are damaged, as they were."""
    return {
        str(path.relative_to(folder / "intact")): path.read_bytes()
        for path in sorted((folder / "intact").rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def beginning(packed_files: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance with a sealed day, records that wait for it, and two damaged objects."""
    folder = tmp_path_factory.mktemp("beginning")
    world = World(folder)
    for name in ("acme", "other", "third"):
        an_account(world.database, name, now=world.clock.now())
    world.worker.open_days()
    world.accept(FIRST)
    world.clock.pass_by(timedelta(minutes=11))
    world.work()
    world.accept(LARGE)
    world.accept(LATE)
    sealed = world.sealed(ACME, DAY)
    assert sealed is not None
    with world.database.snapshot() as tx:
        [segment] = [one.key for one in tx.segments.of_day(MESSAGES, Day.parse(DAY)) if one.key]
    targets: dict[str, Path | StoredFile] = {
        sealed.place.object_key: StoredFile(folder / "objects", sealed),
        segment: folder / "objects" / segment,
    }
    for key, target in targets.items():
        (folder / "intact" / key).parent.mkdir(parents=True)
        (folder / "intact" / key).write_bytes((folder / "objects" / key).read_bytes())
        flip(target, 1000 if key == segment else None)
    world.close()
    return folder


def _begin(beginning: Path, folder: Path, steps: Steps) -> World:
    shutil.copytree(beginning, folder)
    world = World(folder, steps=steps, process=2)
    world.clock.pass_by(timedelta(minutes=11))
    return world


def _expected(account: AccountSid, sent: list[Sent]) -> dict[str, str]:
    return {one.sid: one.body for one in newest(sent).values() if one.account == account}


def _check(world: World, story: Story) -> None:
    found = {
        account: {str(one["sid"]): one["body"] for one in world.records(account, DAY)}
        for account in (ACME, OTHER, THIRD)
    }
    everything = [*FIRST, *LARGE, *LATE, *MORE]
    assert found[THIRD] == _expected(THIRD, everything)
    if story.restores:
        assert found == {account: _expected(account, everything) for account in found}
    else:
        assert found[ACME] == _expected(ACME, [*LATE, *MORE])
        assert found[OTHER].items() >= _expected(OTHER, [*FIRST, *LATE, *MORE]).items()
    incomplete = [account for account in found if (one := world.sealed(account, DAY)) and one.is_incomplete]
    assert incomplete == ([] if story.restores else [ACME, OTHER])
    with world.database.snapshot() as tx:
        assert (tx.segments.waiting(held=True), tx.damages.count()) == ([], 0)
    assert world.findings() == []
    assert world.stored_keys() == world.referred_keys(), "no object is missing, none is left over"


@pytest.mark.parametrize("restores", [True, False])
def test_the_story_has_steps_in_every_part(beginning: Path, tmp_path: Path, *, restores: bool) -> None:
    """Else the tests below would prove less than they say."""
    world, story = _begin(beginning, tmp_path / "world", Steps()), Story(restores=restores)
    story.run(world)
    _check(world, story)
    with world.database.snapshot() as tx:
        kinds = {damage.kind for damage in tx.damages.page(limit=9, settled=True)}
    assert kinds == {DamageKind.FILE, DamageKind.SEGMENT}
    assert world.steps.taken > LEAST_STEPS
    world.close()


@pytest.mark.parametrize("restores", [True, False])
@dealt_out
def test_dying_at_any_step_loses_and_doubles_nothing(
    beginning: Path, tmp_path: Path, lane: int, *, restores: bool
) -> None:
    """Lines are held once, and damages are settled once, whenever a process dies."""
    for step in itertools.count(1 + lane, LANES):
        world, story = _begin(beginning, tmp_path / str(step), Steps(at=step)), Story(restores=restores)
        try:
            story.run(world)
        except Died:
            world = world.restarted()
            world.clock.pass_by(timedelta(minutes=2))  # leases of the dead run out
            story.run(world)
        else:
            assert step > LEAST_STEPS
            break
        _check(world, story)
        world.close()


@pytest.mark.parametrize("restores", [True, False])
@dealt_out
def test_failing_at_any_step_is_retried_to_the_end(
    beginning: Path, tmp_path: Path, lane: int, *, restores: bool
) -> None:
    """A full disk or a busy database: what is damaged stays named, and nothing else is taken for damaged."""
    for step in itertools.count(1 + lane, LANES):
        world, story = _begin(beginning, tmp_path / str(step), Steps(at=step, recovers=True)), Story(restores=restores)
        try:
            story.run(world)
        except Transient:
            world.clock.pass_by(timedelta(minutes=2))
            story.run(world)
        _check(world, story)
        world.close()
        if not world.steps.was_reached:
            assert step > LEAST_STEPS
            return
