"""Moves that are given up, or run in two processes: there are never two instances."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dayfile.cli.exit_codes import Outcome
from dayfile.errors import Conflict, LostClaim, StorageUnavailable
from dayfile.objects.backup_target import OnStep
from dayfile.objects.moved_objects import Moved
from tests.e2e.cli_instance import Instance
from tests.support.backups import empty
from tests.support.databases import a_new_database
from tests.support.moves import Mover, a_busy_world, kept_rows, moved, opens, reopen
from tests.support.steps import Died, Steps
from tests.support.world import World

COPYING, LOOKING, COPYING_ROWS, FILLING = (
    "Copying objects",
    "Looking for objects",
    "Copying the database",
    "Filling the database",
)


@pytest.fixture
def empty_server(tmp_path: Path) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    with a_new_database("postgresql", tmp_path) as url:
        empty(url)
        yield url


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An instance that nobody uses at the moment."""
    world = a_busy_world(tmp_path / "old")
    world.close()
    return world


def giving_up(world: World, when: str) -> OnStep:
    """Return what is told the steps of a move, and has it given up by somebody else, once, at one of them."""
    given_up: list[str] = []

    def give_up(text: str, _done: int, _whole: int) -> None:
        if text == when and not given_up:
            given_up.append(text)
            reopen(world.settings, world.clock)

    return give_up


@pytest.mark.parametrize("when", [COPYING, LOOKING, COPYING_ROWS])
def test_a_move_ends_when_it_is_given_up(world: World, tmp_path: Path, empty_server: str, when: str) -> None:
    """The old place goes on from there: a new one would be a second instance, without what came since then."""
    storage, rows = f"file://{tmp_path}/new/objects", kept_rows(world.settings.database)
    there = world.settings.model_copy(update={"database_url": empty_server, "storage_url": storage})
    give_up = giving_up(world, when)
    with pytest.raises(LostClaim, match="this move was given up"):
        moved(world.settings, world.clock, database=empty_server, storage=storage, on_step=give_up)
    assert (opens(world.settings), opens(there)) == (True, False)
    assert moved(world.settings, world.clock, database=empty_server, storage=storage) is not None
    assert (opens(world.settings), opens(there)) == (False, True)
    assert kept_rows(empty_server) == rows


@pytest.mark.parametrize("when", [COPYING, LOOKING])
def test_a_move_of_objects_alone_ends_when_it_is_given_up(world: World, tmp_path: Path, when: str) -> None:
    """Objects that came to the old storage since then would be in no storage that the instance knows."""
    storage = f"file://{tmp_path}/new/objects"
    give_up = giving_up(world, when)
    with pytest.raises(LostClaim, match="this move was given up"):
        moved(world.settings, world.clock, storage=storage, on_step=give_up)
    assert opens(world.settings)
    assert moved(world.settings, world.clock, storage=storage) is not None
    assert not opens(world.settings)


def test_no_move_is_given_up_while_its_database_is_made(world: World, empty_server: str) -> None:
    """Nobody could say whether it is an instance in the next moment."""
    refused: list[str] = []

    def give_up(text: str, _done: int, _whole: int) -> None:
        if text == FILLING:
            with pytest.raises(Conflict, match=r"is being made in postgresql://.*run `dayfile move` again") as error:
                reopen(world.settings, world.clock, database=empty_server)
            refused.append(str(error.value))

    assert moved(world.settings, world.clock, database=empty_server, on_step=give_up) is not None
    assert refused
    there = world.settings.model_copy(update={"database_url": empty_server})
    assert (opens(world.settings), opens(there)) == (False, True)


def test_a_move_that_is_given_up_by_force_makes_nothing_any_more(world: World, empty_server: str) -> None:
    """It looks once more before what it has made counts, though the operator should have stopped it."""
    forced: list[str] = []

    def give_up(text: str, _done: int, _whole: int) -> None:
        if text == FILLING and not forced:
            forced.append(text)
            reopen(world.settings, world.clock, despite=True)

    with pytest.raises(LostClaim):
        moved(world.settings, world.clock, database=empty_server, on_step=give_up)
    there = world.settings.model_copy(update={"database_url": empty_server})
    assert (opens(world.settings), opens(there)) == (True, False)


def test_a_move_that_died_while_its_database_was_made_is_run_again(world: World, tmp_path: Path) -> None:
    """It may still be made by a process that nobody sees; one that has failed in good order may be given up."""
    shutil.copytree(tmp_path / "old", tmp_path / "trial")
    trial = world.settings.model_copy(update={"database_url": f"sqlite:///{tmp_path}/trial/dayfile.sqlite"})
    steps = Steps()
    moved(trial, world.clock, database=f"sqlite:///{tmp_path}/tried.sqlite", steps=steps)
    to = f"sqlite:///{tmp_path}/new/dayfile.sqlite"

    def be_in_the_way(*_: object) -> None:
        (tmp_path / "new").touch()

    with pytest.raises(StorageUnavailable, match="Not a directory"):
        moved(world.settings, world.clock, database=to, on_step=be_in_the_way)
    reopen(world.settings, world.clock)
    (tmp_path / "new").unlink()
    with pytest.raises(Died):  # its last transaction notes that it is done, the one before that it begins
        moved(world.settings, world.clock, database=to, steps=Steps(at=steps.taken - 3))
    with pytest.raises(Conflict, match=r"run `dayfile move` again to end it.*--despite-new-place"):
        reopen(world.settings, world.clock)
    assert moved(world.settings, world.clock, database=to) is not None
    with pytest.raises(Conflict, match="and what came there is not here"):
        reopen(world.settings, world.clock)


def test_of_two_processes_that_move_an_instance_the_first_one_ends(world: World, tmp_path: Path) -> None:
    """As the second one cannot know whether the first was killed. One that is seen is refused before."""
    to = f"sqlite:///{tmp_path}/new/dayfile.sqlite"
    taken_over: list[Moved | None] = []

    def take_over(text: str, _done: int, _whole: int) -> None:
        if text == COPYING_ROWS and not taken_over:
            scratch = tmp_path / "scratch"
            scratch.mkdir()
            with closing(Mover(world.settings, world.clock)) as second:
                moved = second.move.run(
                    second.destination(database=to), scratch, despite_damage=False, on_step=_nothing
                )
            taken_over.append(moved)

    with pytest.raises(LostClaim, match="another process goes on with it"):
        moved(world.settings, world.clock, database=to, on_step=take_over)
    assert taken_over[0] is not None
    assert moved(world.settings, world.clock, database=to) is None
    assert opens(world.settings.model_copy(update={"database_url": to}))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--reopen", "--to-storage", "s3://new"], "leave --to-storage out to open the old place"),
        (["--reopen", "--despite-damage"], "leave --despite-damage out to open the old place"),
        (["--despite-new-place", "--to-storage", "s3://new"], "is for --reopen: give both"),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(tmp_path: Path, words: list[str], said: str) -> None:
    """Ignored, it left its giver sure that the objects of a reopened instance were in the new storage."""
    told = Instance(tmp_path).run("move", *words, expect=Outcome.USAGE).stderr
    assert said in " ".join(told.replace("│", " ").split())


def _nothing(*_: object) -> None:
    pass
