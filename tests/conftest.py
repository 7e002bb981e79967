"""Rules for every test: no setting and no folder of the developer, no network beyond this machine.

And what many ask for: Twilio's face, an account, its client. Who needs another face makes one of the same name.
"""

from __future__ import annotations

import ipaddress
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from tests.support import world
from tests.support.compiled import share_compiled
from tests.support.databases import DATABASES, a_new_database
from tests.support.deployment import CHOICES, Deployment, Place
from tests.support.face import Face, Login, served_face
from tests.support.steps import Lane
from tests.support.swift import Bucket, a_bucket
from tests.support.temporary import use_memory

ROOT = Path(__file__).parents[1]

for name in list(os.environ):
    # A Twilio region or edge would make Twilio's clients call another host than the one a test gives them.
    # The same goes for an object store.
    if name.startswith(("DAYFILE_", "TWILIO_", "AWS_", "AZURE_", "GOOGLE_")):
        del os.environ[name]
os.environ["PYTHONPATH"] = str(ROOT / "src")  # processes that a test starts run this checkout, too

# A shell that starts a run in the background without job control has it ignore Ctrl-C, and so would every process that
# a test starts and then interrupts.
for number in (signal.SIGINT, signal.SIGTERM):
    if signal.getsignal(number) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
# A soft limit of open files that is lower than usual is not what a test is about, unless it sets one itself.
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
if _soft < (_enough := min(_hard, 1024)):
    resource.setrlimit(resource.RLIMIT_NOFILE, (_enough, _hard))

# How long an example takes says nothing on a machine that is busy with something else.
_ALWAYS = settings(
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
    database=DirectoryBasedExampleDatabase(ROOT / ".hypothesis" / "examples"),
)
settings.register_profile("quick", _ALWAYS, max_examples=60)
settings.register_profile("thorough", _ALWAYS, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

share_compiled()
use_memory()


class BeyondThisMachine(AssertionError):
    """A test was about to talk to another machine; not an OSError, so that no retry swallows it."""


@pytest.fixture(scope="session", autouse=True)
def _empty_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run in an empty folder: no `.env` of the developer is read, no `./data` of theirs is written."""
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("cwd"))
    yield
    os.chdir(before)


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a new database for a whole instance: a test that asks for it runs on each kind."""
    with a_new_database(request.param, tmp_path) as url:
        yield url


def pytest_addoption(parser: pytest.Parser) -> None:
    """Have the command line choose how what tests of a whole instance is deployed."""
    told = "deployment of whole instances: local (SQLite, folder), cluster (PostgreSQL, object store) or both"
    parser.addoption("--deployment", choices=list(CHOICES), default="both", help=told)
    told = "seconds for which hosts are killed and frozen at random in tests/fault/test_random_accidents.py"
    parser.addoption("--accident-seconds", type=float, default=60, help=told)
    parser.addoption("--accident-seed", help="seed of what happens there; default a new one, which is shown")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for a deployment, or for a place of one, on each that was chosen.

    A module names those that take too long for `make test` in SLOW_DEPLOYMENTS. One that asks for a lane runs on each
    as often as LANES of its module says; one of these every time, and all with `make test-all`.
    """
    if "deployment" not in metafunc.fixturenames:
        return
    chosen = CHOICES[metafunc.config.getoption("--deployment")]
    if "lane" in metafunc.fixturenames:
        lanes = [(kind, number) for kind in chosen for number in range(metafunc.module.LANES[kind])]
        cases = [
            pytest.param(
                kind,
                Lane(number=number, of=metafunc.module.LANES[kind]),
                marks=[pytest.mark.slow] if number else [],
                id=f"{kind}-{number}",
            )
            for kind, number in lanes
        ]
        metafunc.parametrize(("deployment", "lane"), cases, indirect=["deployment"])
        return
    slow = getattr(metafunc.module, "SLOW_DEPLOYMENTS", ())
    kinds = [pytest.param(kind, marks=[pytest.mark.slow] if kind in slow else []) for kind in chosen]
    metafunc.parametrize("deployment", kinds, indirect=True)


@pytest.fixture
def deployment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """A way in which Dayfile is run, in which whole instances find a place: a test that asks for it runs on each."""
    deployment = Deployment(kind=request.param)
    if deployment.is_remote:
        deployment.bucket = request.getfixturevalue("bucket")
        for name, value in deployment.bucket.environment().items():
            monkeypatch.setenv(name, value)
    yield deployment
    deployment.close()


@pytest.fixture
def place(deployment: Deployment, tmp_path: Path) -> Place:
    """The place of an instance whose folder is `tmp_path`."""
    return deployment.place(tmp_path)


@pytest.fixture
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Bucket:
    """A bucket of a real object store that nobody else uses."""
    folder = tmp_path_factory.getbasetemp()
    # Processes of one run share the folder above theirs.
    return a_bucket(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Face]:
    """One instance for all tests of a module that leave its clock alone."""
    with served_face(tmp_path_factory.mktemp("face")) as face:
        yield face


@pytest.fixture(scope="module", params=["packed", "apart"])
def small_files(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run the tests of a module twice: their small files share packs, or each has an object of its own."""
    yield from _small_files(request.param)


@pytest.fixture(scope="module", params=["packed", pytest.param("apart", marks=pytest.mark.slow)])
def packed_files(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run the tests of a module with packs, and the second time, as `small_files` does, with all tests only."""
    yield from _small_files(request.param)


def _small_files(kind: str) -> Iterator[None]:
    was, world.PACK_BELOW = world.PACK_BELOW, world.ALL_PACKED if kind == "packed" else 0
    yield
    world.PACK_BELOW = was


@pytest.fixture
def acme(face: Face) -> Login:
    """An account that nobody else uses."""
    return face.account()


@pytest.fixture
def client(face: Face, acme: Login) -> Iterator[httpx2.Client]:
    """Its HTTP client."""
    with face.client(acme) as client:
        yield client


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have recorded with `record_property`, also those that ran in other processes."""
    passed = (report for report in terminalreporter.getreports("passed") if report.when == "call")
    for name, value in (told for report in passed for told in report.user_properties):
        terminalreporter.write_line(f"{name}: {value}")


def _stay_on_this_machine(event: str, args: tuple[object, ...]) -> None:
    if event in {"socket.connect", "socket.bind", "socket.sendto"}:
        given, address = args
        if isinstance(given, socket.socket) and given.family in {socket.AF_INET, socket.AF_INET6}:
            assert isinstance(address, tuple)
            _check(event, address[0])
    elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        _check(event, args[0])


def _check(event: str, host: object) -> None:
    text = host.decode() if isinstance(host, bytes) else str(host)
    if host is None or text == "localhost":
        return
    try:
        if ipaddress.ip_address(text).is_loopback:
            return
    except ValueError:
        pass
    raise BeyondThisMachine(f"{event} to {text!r}: tests use sockets on loopback only, 127.0.0.1 or ::1")


sys.addaudithook(_stay_on_this_machine)
