"""Snippets to try the demo's server with, including its credentials. They can be pasted where they are printed.

Apart, because they are text to paste, and a test pastes them.
"""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import sys
from pathlib import Path

from dayfile.demo.instance import Cast
from dayfile.model.day import DayRange


def shell_snippet(url: str, cast: Cast, days: DayRange) -> str:
    """Return shell commands that use curl and Dayfile's own commands, wherever those are."""
    return f"""\
export DAYFILE_URL={url}
export DAYFILE_ACCOUNT_SID={cast.parent.sid}
export DAYFILE_AUTH_TOKEN={cast.parent.auth_token}

LOGIN=$DAYFILE_ACCOUNT_SID:$DAYFILE_AUTH_TOKEN
curl -su $LOGIN $DAYFILE_URL/v1/Exports/Messages/Days
curl -su $LOGIN -L $DAYFILE_URL/v1/Exports/Messages/Days/{days.last} | gunzip | head -3
curl -su $LOGIN $DAYFILE_URL/v1/Exports/Messages/Days/{days.last}/Manifest
{_dayfile()} days download Calls {days.first}..{days.last} -o downloads"""


def python_snippet(url: str, cast: Cast, *, folder: Path) -> str:
    """Return shell commands that run Twilio's library for Python, installed into the demo's folder if need be."""
    return f"""\
{_python_with_twilio(folder)} - <<'PYTHON'
from twilio.rest import Client

client = Client("{cast.parent.sid}", "{cast.parent.auth_token}")
client.bulkexports.base_url = "{url}"
for day in client.bulkexports.v1.exports("Messages").days.list():
    print(day.day, day.size, day.friendly_name)
PYTHON"""


def _dayfile() -> str:
    """The words that run Dayfile: its name if that is this one, and its path if not."""
    here = Path(sys.executable).with_name("dayfile")
    found = shutil.which("dayfile")
    if found is not None and Path(found).absolute() == here.absolute():
        return "dayfile"
    return shlex.quote(str(here)) if here.exists() else f"{shlex.quote(sys.executable)} -m dayfile"


def _python_with_twilio(folder: Path) -> str:
    if importlib.util.find_spec("twilio") is not None:
        return shlex.quote(sys.executable)
    own = shlex.quote(str(folder.absolute() / "twilio"))
    made = f"{shlex.quote(sys.executable)} -m venv {own} && {own}/bin/python -m pip install --quiet twilio &&"
    return f"{made}\n{own}/bin/python"
