"""`dayfile demo`: everything that Dayfile does, on made-up records, in a folder of its own, with proof."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.text import Text

from dayfile.cli.controls import plain_lines
from dayfile.cli.daygrid import draw_job
from dayfile.cli.exit_codes import Outcome
from dayfile.cli.jobs import follow
from dayfile.cli.options import screen_of
from dayfile.cli.signals import ended_by_signals
from dayfile.cli.terminal import Bar, Column, Screen, new_table
from dayfile.clock import Clock, SystemClock
from dayfile.files import private
from dayfile.model.day import DayRange, last_custom_day

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from dayfile.client.answers import RemoteJob
    from dayfile.client.client import Client
    from dayfile.demo.instance import Cast
    from dayfile.demo.story import Proof, Story
    from dayfile.settings import Settings

_DAYS = 10
_RECORDS = 8_000
_SEED = "dayfile"
_GOOD: Final = ("yes", "green")
_BAD: Final = ("NO", "bold red")
_END: Final = "Its data is deleted then, unless you chose a --data-dir."
_END_ELSEWHERE: Final = (
    "What is in its folder is deleted then, unless you chose a --data-dir; what you named by URL stays."
)


LeaveOption = Annotated[bool, typer.Option("--exit", help="Exit after the proofs, for scripts.")]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", metavar="FOLDER", file_okay=False, help="Keep the data in this folder, not in a temporary one."
    ),
]
PortOption = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port of its server; 0 picks a free one.")]
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database-url", metavar="URL", help="Keep its database there, postgresql://..., which must have no instance."
    ),
]
StorageOption = Annotated[
    str | None,
    typer.Option(
        "--storage-url", metavar="URL", help="Keep its objects there, s3://BUCKET/PREFIX, which must be empty."
    ),
]
RecordsOption = Annotated[
    int, typer.Option("--records", metavar="N", min=100, max=10_000_000, help="Approximate number of records.")
]


def demo(
    ctx: typer.Context,
    *,
    leave: LeaveOption = False,
    data_dir: DataOption = None,
    port: PortOption = 0,
    records: RecordsOption = _RECORDS,
    database_url: DatabaseOption = None,
    storage_url: StorageOption = None,
) -> None:
    """Show what Dayfile does on made-up records, prove the results, then leave the server running for you to try.

    It uses a folder and a server of its own and touches nothing else, but for a database and a storage that are named
    here: what it makes there stays. Exit code 1 if a proof fails.
    """
    from dayfile.cli.logs import log_trouble
    from dayfile.demo.instance import demo_settings, make_cast, serving

    log_trouble()
    screen = screen_of(ctx)
    clock = SystemClock()
    last = last_custom_day(clock.now())
    days = DayRange(first=last - (_DAYS - 1), last=last)
    with ended_by_signals(), _folder(data_dir) as folder:
        settings = demo_settings(folder, database_url=database_url, storage_url=storage_url)
        cast = make_cast(settings, records=records // _DAYS)
        with serving(settings, port=port) as server:
            screen.line(f"A server of the demo's own is ready: {server.url} (data in {folder})")
            story = _play(screen, server.url, cast, days, folder=folder, records=records, clock=clock)
            _show_proofs(screen, story.proofs, settings)
            screen.line(f"SHA-256 of all texts, as in every demo of this day with --records {records}:\n{story.sha256}")
            if not leave:
                with suppress(KeyboardInterrupt):  # the regular end
                    _show_what_to_try(screen, server.url, cast, days, folder=folder)
                    screen.note("\nThe server runs until you press Ctrl-C.")
                    screen.note(_END_ELSEWHERE if database_url or storage_url else _END)
                    server.wait()
    if not all(proof.holds for proof in story.proofs):
        screen.problem("a proof failed: see NO in the table above")
        raise typer.Exit(Outcome.FAILED)


def _play(screen: Screen, url: str, cast: Cast, days: DayRange, *, folder: Path, records: int, clock: Clock) -> Story:
    from dayfile.client.client import Client
    from dayfile.demo.customers import customers
    from dayfile.demo.platform import Platform
    from dayfile.demo.story import Story
    from dayfile.demo.traffic import Traffic

    started = clock.monotonic()
    accounts = [member.sid for member in cast.members]
    with (
        Client(url, cast.key_sid, cast.key_secret) as sender,
        customers(url, cast.members, folder / "downloads") as connected,
    ):
        traffic = Traffic(seed=_SEED, accounts=accounts, days=days, records=records)
        platform = Platform(sender)
        story = Story(_OnScreen(screen), cast=cast, traffic=traffic, days=days, customers=connected, clock=clock)
        story.records_come_in(platform)
        story.a_job_runs()
        story.everybody_downloads_everything()
        story.records_come_late(platform)
        story.a_year_is_asked_for()
        story.a_day_came_by_itself()
        story.all_texts_have_one_hash()
    screen.heading(f"What was proven, in {clock.monotonic() - started:.1f} s")
    return story


class _OnScreen:
    """The terminal as the display of the story."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def heading(self, text: str) -> None:
        self._screen.heading(text)

    def line(self, text: str, style: str = "") -> None:
        self._screen.line(Text(plain_lines(text), style=style))

    def job(self, job: RemoteJob) -> None:
        self._screen.draw(draw_job(job))

    def watch(self, client: Client, job: RemoteJob) -> RemoteJob:
        return follow(self._screen, client, job)

    def counting(self, text: str, total: int | None) -> AbstractContextManager[Bar]:
        return self._screen.counting(text, total)


def _show_proofs(screen: Screen, proofs: list[Proof], settings: Settings) -> None:
    columns = (
        Column("WHAT", wraps=True),
        Column("EXPECTED", right=True),
        Column("FOUND", right=True),
        Column("HOLDS", whole=True),
    )
    table = new_table(columns)
    for proof in proofs:
        table.add_row(proof.claim, proof.expected, proof.found, Text(*(_GOOD if proof.holds else _BAD)))
    screen.draw_table(table)
    if settings.secret_key is not None:  # made for this demo, and kept nowhere else
        key = settings.secret_key.get_secret_value()
        screen.note(f"What is in {settings.place} opens with DAYFILE_SECRET_KEY={key}")


def _show_what_to_try(screen: Screen, url: str, cast: Cast, days: DayRange, *, folder: Path) -> None:
    screen.heading("Try it yourself: in a shell")
    screen.line(Text(_shell_snippet(url, cast, days)))
    screen.heading("with Twilio's library for Python, in a shell")
    screen.line(Text(_python_snippet(url, cast, folder=folder)))
    screen.heading(f"in a browser: {url} or, as the operator, {url}/operator")
    screen.line(Text(f"the operator is: user {cast.key_sid}, password {cast.key_secret}"))


def _shell_snippet(url: str, cast: Cast, days: DayRange) -> str:
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


def _python_snippet(url: str, cast: Cast, *, folder: Path) -> str:
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


@contextmanager
def _folder(chosen: Path | None) -> Iterator[Path]:
    """Provide the folder of the demo's data; it is deleted at the end unless the user chose it."""
    if chosen is not None:
        private.make_folder(chosen)
        yield chosen.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="dayfile-demo-", ignore_cleanup_errors=True) as made:
        yield Path(made)
