"""The operator at the command line, as the audit log names them; and the settings that a process began with."""

from __future__ import annotations

import os
import pwd
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from dayfile.errors import DatabaseUnavailable
from dayfile.model.credential import Actor

if TYPE_CHECKING:
    from dayfile.service import Service
    from dayfile.settings import Settings

_LONGEST: Final = 1000


def operator_here() -> Actor:
    """Return the actor for what is done on this machine: `operator/` and the user, behind sudo the one who used it."""
    user = os.geteuid()
    name = os.environ.get("SUDO_USER")  # whichever user they became: the service's has no login
    if not name:
        try:
            name = pwd.getpwuid(user).pw_name
        except KeyError:  # as in many containers
            name = str(user)
    return Actor(name=f"operator/{name.encode(errors='replace').decode()}")


def note_start(service: Service, what: str) -> None:
    """Note in the audit log that a process has begun to `serve` or `work`, and with which settings.

    A database that cannot be written now does not keep it from its work: then nothing is noted.
    """
    with suppress(DatabaseUnavailable), service.database.transaction() as tx:
        tx.audit.add(
            actor=operator_here(),
            action=f"{what}.started",
            subject=f"settings/{_given(service.settings)}"[:_LONGEST],
            now=service.clock.now(),
        )


def _given(settings: Settings) -> str:
    """All settings that are not left at their defaults, without secrets."""
    from pydantic import SecretStr

    shown = []
    for name in sorted(settings.model_fields_set):
        value = getattr(settings, name)
        if isinstance(value, tuple):
            value = ",".join(map(str, value))
        # A database's address may carry a password.
        hidden = isinstance(value, SecretStr) or name == "database_url"
        shown.append(f"DAYFILE_{name.upper()}={'(set)' if hidden and value is not None else value}")
    return " ".join(shown)
