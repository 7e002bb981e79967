"""The operator's long-running commands: serve and work."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from dayfile import __version__
from dayfile.cli import instance
from dayfile.cli.options import screen_of

if TYPE_CHECKING:
    from dayfile.cli.terminal import Screen
    from dayfile.settings import Settings


NoWorkerOption = Annotated[bool, typer.Option("--no-worker", help="Only answer HTTP; `dayfile work` works.")]
ProcessesOption = Annotated[
    int,
    typer.Option(
        "--processes", metavar="N", min=1, max=64, help="How many processes answer; beyond 1, another one works."
    ),
]
HostOption = Annotated[
    str | None, typer.Option("--host", metavar="ADDRESS", help="Address to listen on, for DAYFILE_HOST.")
]
PortOption = Annotated[
    int | None,
    typer.Option("--port", metavar="PORT", min=0, max=65535, help="Port, for DAYFILE_PORT; 0 picks a free one."),
]


def serve(
    ctx: typer.Context,
    *,
    no_worker: NoWorkerOption = False,
    processes: ProcessesOption = 1,
    host: HostOption = None,
    port: PortOption = None,
) -> None:
    """Answer HTTP, and work, until told to stop. Prints one line with its address when it is ready."""
    from dayfile.cli.http_server import answer
    from dayfile.cli.listening import listen
    from dayfile.cli.logs import log_everything
    from dayfile.cli.open_files import open_files, raise_open_files
    from dayfile.cli.operator import note_start
    from dayfile.cli.processes import Processes
    from dayfile.cli.signals import told_by_signals
    from dayfile.service import Service
    from dayfile.web.limits import Limits

    given = {"host": host, "port": port}
    settings = instance.read_settings(
        screen_of(ctx), **{name: value for name, value in given.items() if value is not None}
    )
    log_everything()
    raise_open_files()
    backlog = Limits.within(open_files()).backlog
    with told_by_signals() as stop, listen(settings.host, settings.port, backlog=backlog) as listening:
        # Port 0 has been resolved by now, and URLs need the actual port.
        settings = settings.model_copy(update={"port": listening.getsockname()[1]})
        on_ready = partial(_tell_ready, screen_of(ctx), settings)
        with Service.open(settings) as service:
            instance.tell_closed(service)
            instance.warn_of_exposed(screen_of(ctx), service)
            note_start(service, "server")
            if processes == 1:
                answer(service, listening, stop=stop, with_worker=not no_worker, on_ready=on_ready)
                return
        # The instance was created and checked above; each process opens it for itself.
        Processes(settings, listening, answering=processes, with_worker=not no_worker).run(stop, on_ready=on_ready)


def work(ctx: typer.Context) -> None:
    """Run only a worker, until told to stop: seal, export, deliver, sweep. Run as many of them as you like."""
    from dayfile.cli import http_server
    from dayfile.cli.logs import log_everything
    from dayfile.cli.operator import note_start
    from dayfile.cli.signals import told_by_signals
    from dayfile.service import Service

    settings = instance.read_settings(screen_of(ctx))
    log_everything()
    with told_by_signals() as stop, Service.open(settings) as service:
        instance.tell_closed(service)
        instance.warn_of_exposed(screen_of(ctx), service)
        note_start(service, "worker")
        screen_of(ctx).line(f"Dayfile {__version__} works on {settings.data_dir.absolute()}")
        http_server.work(service, stop=stop)


def _tell_ready(screen: Screen, settings: Settings) -> None:
    from dayfile.api.urls import is_sound

    where = f"listens on {settings.host}:{settings.port}, data in {settings.data_dir.absolute()}"
    screen.line(f"Dayfile {__version__} is ready: {settings.base_url} ({where})")
    if not is_sound(settings.base_url):
        screen.warn(
            f"Twilio's libraries for Node, Java and Go ask another host than that of {settings.base_url}: "
            "give DAYFILE_PUBLIC_URL a name of one, three, four or five labels."
        )
