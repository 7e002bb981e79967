"""The operator's commands that make an instance and run it: init, serve and work."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from dayfile import __version__
from dayfile.cli import instance
from dayfile.cli.options import JsonOption, screen_of

if TYPE_CHECKING:
    from dayfile.cli.signals import Stop
    from dayfile.cli.terminal import Screen
    from dayfile.service import Service
    from dayfile.settings import Settings


NoWorkerOption = Annotated[bool, typer.Option("--no-worker", help="Only answer HTTP; run `dayfile work` beside it.")]
ProcessesOption = Annotated[
    int,
    typer.Option(
        "--processes", metavar="N", min=1, max=64, help="Number of HTTP processes; beyond 1, the worker has its own."
    ),
]
HostOption = Annotated[
    str | None, typer.Option("--host", metavar="ADDRESS", help="Address to listen on, instead of DAYFILE_HOST.")
]
PortOption = Annotated[
    int | None,
    typer.Option(
        "--port",
        metavar="PORT",
        min=0,
        max=65535,
        help="Port to listen on, instead of DAYFILE_PORT; 0 picks a free one.",
    ),
]
StdinOption = Annotated[
    bool,
    typer.Option(
        "--until-stdin-ends",
        help="Stop when standard input ends, as it does when the program that started this is gone.",
    ),
]


def init(ctx: typer.Context, *, as_json: JsonOption = False) -> None:
    """Create the instance that the settings describe: its folder, its key and its database.

    An instance that exists already is left unchanged.
    """
    screen = screen_of(ctx)
    with instance.opened(screen, make=True) as service:
        settings, is_new = service.settings, service.is_new
        _ = service.storage  # made, too
        instance.warn_of_exposed(screen, service)
    if as_json:
        screen.json(
            {
                "made": is_new,
                "data_dir": str(settings.data_dir.absolute()),
                "storage_dir": str(settings.storage.folder) if settings.storage.folder else None,
                "storage_url": settings.storage.text,
                "key_file": None if settings.secret_key else str(settings.key_file),
            }
        )
        return
    screen.line(f"Made {settings.place}" if is_new else f"There is an instance in {settings.place} already.")
    if is_new and not settings.secret_key:
        screen.note(f"Its key is in {settings.key_file}. Back it up with the database, which is of no use without it.")
    screen.note("Start it with: dayfile serve")


def serve(
    ctx: typer.Context,
    *,
    no_worker: NoWorkerOption = False,
    processes: ProcessesOption = 1,
    host: HostOption = None,
    port: PortOption = None,
    until_stdin_ends: StdinOption = False,
) -> None:
    """Run the server and a worker until stopped. Prints one line with the address when it is ready."""
    from dayfile.cli.signals import told_by_signals

    # Before all that takes time to load: a signal that comes meanwhile is heard, too.
    with told_by_signals(until_stdin_ends=until_stdin_ends) as stop:
        _serve(screen_of(ctx), stop, no_worker=no_worker, processes=processes, host=host, port=port)


def _serve(screen: Screen, stop: Stop, *, no_worker: bool, processes: int, host: str | None, port: int | None) -> None:
    from dayfile.cli.http_server import answer, listen
    from dayfile.cli.logs import log_everything
    from dayfile.cli.metrics_server import metrics_served, metrics_socket
    from dayfile.cli.open_files import open_files, raise_open_files
    from dayfile.cli.processes import Processes
    from dayfile.service import Service
    from dayfile.web.limits import Limits

    settings = _settings_with(screen, host=host, port=port)
    log_everything()
    raise_open_files()
    backlog = Limits.within(open_files()).backlog
    with (
        listen(settings.host, settings.port, backlog=backlog) as listening,
        metrics_socket(settings) as for_metrics,
    ):
        # Port 0 has been resolved by now, and URLs need the actual port.
        settings = settings.model_copy(update={"port": listening.getsockname()[1]})
        on_ready = partial(_tell_ready, screen, settings)
        with Service.open(settings) as service:
            _begin(screen, service, "server")
            if processes == 1:
                with metrics_served(service, for_metrics):
                    answer(service, listening, stop=stop, with_worker=not no_worker, on_ready=on_ready)
                return
        # The instance was created and checked above; each process opens it for itself.
        running = Processes(settings, listening, answering=processes, with_worker=not no_worker)
        running.run(stop, on_ready=on_ready, for_metrics=for_metrics)


def _begin(screen: Screen, service: Service, what: str) -> None:
    from dayfile.cli.operator import note_start
    from dayfile.opening import setting_of_place

    service.check_host()
    instance.tell_closed(service)
    instance.warn_of_exposed(screen, service)
    if service.is_new:
        screen.note(
            f"Made a new instance in {service.settings.place}: there was none. "
            f"If yours is elsewhere, stop this one and set {setting_of_place(service.settings)}."
        )
    note_start(service, what)


def _settings_with(screen: Screen, **given: object) -> Settings:
    return instance.read_settings(screen, **{name: value for name, value in given.items() if value is not None})


def work(ctx: typer.Context) -> None:
    """Run a worker without a server, until stopped: it seals, exports, delivers and sweeps. There may be several."""
    from dayfile.cli.signals import told_by_signals

    with told_by_signals() as stop:
        _work(screen_of(ctx), stop)


def _work(screen: Screen, stop: Stop) -> None:
    from dayfile.cli import http_server
    from dayfile.cli.logs import log_everything
    from dayfile.cli.metrics_server import metrics_served, metrics_socket
    from dayfile.service import Service

    settings = instance.read_settings(screen)
    log_everything()
    with metrics_socket(settings) as for_metrics, Service.open(settings) as service:
        _begin(screen, service, "worker")
        screen.line(f"Dayfile {__version__} works on {settings.place}")
        with metrics_served(service, for_metrics):
            http_server.work(service, stop=stop)


def _tell_ready(screen: Screen, settings: Settings) -> None:
    from dayfile.web.urls import is_sound

    where = f"listens on {settings.host}:{settings.port}, data in {settings.place}"
    screen.line(f"Dayfile {__version__} is ready: {settings.base_url} ({where})")
    if not is_sound(settings.base_url):
        screen.warn(
            f"Twilio's libraries for Node, Java and Go ask another host than that of {settings.base_url}: "
            "give DAYFILE_PUBLIC_URL a name of one, three, four or five labels."
        )
