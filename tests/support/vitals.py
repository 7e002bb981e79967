"""Vital signs in tests."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from dayfile.checks.overdue import Overdue
from dayfile.checks.vitals import Vitals
from dayfile.clock import Clock
from dayfile.delivery.mail_folder import UnsentLetters
from dayfile.store.database import Database


def a_vitals(database: Database, clock: Clock, folder: Path) -> Vitals:
    """Return the vital signs of an instance in a folder."""
    return Vitals(
        database,
        clock=clock,
        overdue=Overdue(database, clock=clock, job_lifetime=timedelta(days=7), scrub_every=timedelta()),
        unsent_letters=UnsentLetters(database, folder / "mail"),
        folders=[folder],
    )
