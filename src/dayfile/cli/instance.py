"""The instance that the operator's commands act on: the one in the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from dayfile.errors import DayfileError, Transient
from dayfile.files.private import Closed, Exposed

if TYPE_CHECKING:
    from dayfile.cli.terminal import Screen
    from dayfile.service import Service
    from dayfile.settings import Settings


@contextmanager
def opened(
    screen: Screen,
    *,
    to_read: bool = False,
    to_move: bool = False,
    alone: bool = False,
    make: bool = False,
    check: Callable[[Settings], None] | None = None,
) -> Iterator[Service]:
    """Provide the instance, open while the block runs; raises Unusable, which says what to do, also if there is none.

    With `to_read`, for commands that only read, a full or read-only disk does not matter. With `to_move` it may be
    closed, since it moves. With that and with `alone` it has a single connection, so that it can tell others from
    itself. With `make`, a missing instance is created; `check` may raise before that. The place of the instance is
    shown on a terminal, and added to errors from the block.
    """
    # Imported late: it imports all of Dayfile, which --help does not need.
    from dayfile.cli.logs import log_trouble
    from dayfile.cli.operator import operator_here
    from dayfile.service import Service

    log_trouble()
    settings = read_settings(screen)
    if check is not None:
        check(settings)
    if to_move or alone:
        settings = settings.model_copy(update={"database_connections": 1})
    found = Service.open(settings) if make else Service.find(settings, to_read=to_read, to_move=to_move)
    with found as service:
        if screen.err.is_terminal:
            screen.note(f"Instance: {settings.place}")
        tell_closed(service)
        service.administration = service.administration.by(operator_here())
        try:
            yield service
        except DayfileError as error:
            error.add_note(f"The instance is in {settings.place}.")
            raise


def read_settings(screen: Screen, **overrides: object) -> Settings:
    """Read the settings, and warn of names in the environment that are none; raises Unusable that tells all errors."""
    from dayfile.settings import Settings

    settings = Settings.read(**overrides)
    for one in Settings.names().strange:
        screen.warn(one)
    return settings


def tell_closed(service: Service) -> None:
    """Log the paths that other users of the machine could access until now, and that are closed to them now."""
    import structlog

    for one in service.permissions:
        if isinstance(one, Closed):
            structlog.get_logger().warning("permissions.closed", path=str(one.path), mode=f"{one.mode:04o}")


def warn_of_exposed(screen: Screen, service: Service) -> None:
    """Warn of the paths that other users of the machine can access, and that Dayfile does not change."""
    for one in service.permissions:
        if isinstance(one, Exposed):
            screen.warn(str(one))


def warn_of_unheard(screen: Screen, service: Service) -> None:
    """Warn if the processes of the instance cannot wake each other, so that each finds its work only when it looks."""
    with suppress(Transient):
        if service.wake_ups is not None and not service.wake_ups.are_heard():
            screen.warn(
                "processes cannot wake each other, and look for work once a second: have DAYFILE_DATABASE_LISTEN_URL "
                "name the PostgreSQL server itself, not a pooler"
            )
