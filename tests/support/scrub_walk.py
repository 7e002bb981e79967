"""A walk of the scrub through all objects of an instance."""

from __future__ import annotations

from datetime import timedelta

from dayfile.objects.scrub import WALK_EVERY
from tests.support.world import World


def walk(world: World) -> None:
    """Let time pass until everything was looked at once more."""
    world.clock.pass_by(WALK_EVERY)
    for _ in range(20):
        world.scrub.step()
        world.clock.pass_by(timedelta(seconds=1))
