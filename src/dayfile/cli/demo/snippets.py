"""Snippets to try the demo's server with, including its credentials."""

from __future__ import annotations

from dayfile.cli.demo.instance import Cast
from dayfile.model.day import DayRange


def shell_snippet(url: str, cast: Cast, days: DayRange) -> str:
    """Return shell commands that use curl and Dayfile's own commands."""
    return f"""\
export DAYFILE_URL={url}
export DAYFILE_ACCOUNT_SID={cast.parent.sid}
export DAYFILE_AUTH_TOKEN={cast.parent.auth_token}

LOGIN=$DAYFILE_ACCOUNT_SID:$DAYFILE_AUTH_TOKEN
curl -su $LOGIN $DAYFILE_URL/v1/Exports/Messages/Days
curl -su $LOGIN -L $DAYFILE_URL/v1/Exports/Messages/Days/{days.last} | gunzip | head -3
curl -su $LOGIN $DAYFILE_URL/v1/Exports/Messages/Days/{days.last}/Manifest
dayfile days download Calls {days.first}..{days.last} -o downloads"""


def python_snippet(url: str, cast: Cast) -> str:
    """Return Python code that uses Twilio's library."""
    return f"""\
from twilio.rest import Client

client = Client("{cast.parent.sid}", "{cast.parent.auth_token}")
client.bulkexports.base_url = "{url}"
for day in client.bulkexports.v1.exports("Messages").days.list():
    print(day.day, day.size, day.friendly_name)"""
