"""The command line in real processes: a server, and what operators and customers type beside it."""

from __future__ import annotations

import gzip
import hashlib
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from dayfile.cli.exit_codes import Outcome
from dayfile.cli.operator import operator_here
from dayfile.cli.processes import WORKER_NICENESS
from dayfile.clock import SystemClock
from dayfile.demo.expectation import Expectation
from dayfile.demo.traffic import Traffic
from dayfile.model.account import AccountSid
from dayfile.model.day import Day, DayRange, last_custom_day
from dayfile.model.resource import MESSAGES
from tests.e2e.cli_instance import PATIENCE_SECONDS, Instance, Server, ready_address, serving

LAST = last_custom_day(SystemClock().now())
DAYS = DayRange(first=LAST - 2, last=LAST)
ASKED = f"{DAYS.first}..{DAYS.last}"


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    """An instance that nobody has started yet."""
    return Instance(tmp_path, {"DAYFILE_WEBHOOK_ALLOW": "127.0.0.0/8"})


@pytest.fixture
def server(instance: Instance) -> Iterator[Server]:
    """A server with an account, and the customer's variables set for it."""
    with serving(instance) as running:
        log_in(instance, running.url)
        yield running


def log_in(instance: Instance, url: str) -> AccountSid:
    """Make an account and set the customer's variables for it."""
    account = instance.json("accounts", "create")
    instance.variables |= {
        "DAYFILE_URL": url,
        "DAYFILE_ACCOUNT_SID": account["account_sid"],
        "DAYFILE_AUTH_TOKEN": account["auth_token"],
    }
    return AccountSid(account["account_sid"])


def write_messages(instance: Instance, account: AccountSid, name: str = "messages.json.gz") -> Expectation:
    """A file of made-up messages of three days, and what must be exported of it."""
    expectation = Expectation()
    traffic = Traffic(seed="e2e", accounts=[account], days=DAYS, records=300)
    with gzip.open(instance.folder / name, "wb", compresslevel=1) as file:
        for version in traffic.on_time():
            if version.resource_type is MESSAGES:
                file.write(version.sent + b"\n")
                expectation.add(version)
    return expectation


def test_a_file_of_records_becomes_days_that_are_proven(server: Server) -> None:
    """The whole way, as its two users type it: intake, a job, a download; every byte is what was sent."""
    run = server.instance.run
    account = AccountSid(server.instance.variables["DAYFILE_ACCOUNT_SID"])
    expectation = write_messages(server.instance, account)
    assert server.instance.json("intake", "Messages", "messages.json.gz")[0]["accepted"] == expectation.versions
    run("jobs", "create", "Messages", ASKED, "--name", "октябрь", "--watch")
    files = server.instance.json("days", "download", "Messages", ASKED, "-o", "downloads")
    assert [file["day"] for file in files] == [str(day) for day in DAYS]
    for file in files:
        place = (account, MESSAGES, Day.parse(file["day"]))
        text = gzip.decompress((server.instance.folder / file["path"]).read_bytes())
        assert hashlib.sha256(text).hexdigest() == expectation.sha256(place)
        assert (file["records"], file["proven"]) == (expectation.count(place), True)
    assert "октябрь" in run("jobs", "list", "Messages").stdout
    assert str(DAYS.first) in run("days", "list", "Messages").stdout


def test_a_job_is_watched_shown_and_deleted(server: Server) -> None:
    """Its sid is all that a script has to keep."""
    run = server.instance.run
    job = server.instance.json("jobs", "create", "Calls", str(LAST))["job_sid"]
    watched = run("jobs", "watch", job)
    assert "1 of 1" in watched.stdout
    assert watched.stderr == ""  # nobody watches here: no progress
    assert server.instance.json("jobs", "show", job)["details"][0]["status"] == "CompletedEmptyRecords"
    run("jobs", "delete", job)
    run("jobs", "show", job, expect=Outcome.NOT_FOUND)


def test_a_day_that_is_not_published_is_not_found(server: Server) -> None:
    """The others of the range are brought; the exit code and the message say what is missing, and how to get it."""
    server.instance.run("jobs", "create", "Messages", str(LAST), "--watch")
    done = server.instance.run("days", "download", "Messages", ASKED, expect=Outcome.NOT_FOUND)
    account = server.instance.variables["DAYFILE_ACCOUNT_SID"]
    assert (server.instance.folder / f"{account}-Messages-{LAST}.json.gz").exists()
    assert f"not published: {DAYS.first}" in done.stderr
    assert "dayfile jobs create Messages" in done.stderr


def test_a_damaged_file_holds_up_no_other(server: Server) -> None:
    """The others of the range are brought; of the damaged one nothing is left, and the operator is sent for."""
    run, folder = server.instance.run, server.instance.folder
    account = server.instance.variables["DAYFILE_ACCOUNT_SID"]
    write_messages(server.instance, AccountSid(server.instance.variables["DAYFILE_ACCOUNT_SID"]))
    run("intake", "Messages", "messages.json.gz")
    run("jobs", "create", "Messages", ASKED, "--watch")
    [path] = (folder / "data" / "objects" / "sealed" / "type=Messages" / f"day={DAYS.first}").glob("pack-*")
    content = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    done = run("days", "download", "Messages", ASKED, "-o", "downloads", expect=Outcome.FAILED)
    assert f"The file of Messages of {DAYS.first} is damaged on this server" in done.stderr
    assert sorted(file.name for file in (folder / "downloads").iterdir()) == [
        f"{account}-Messages-{day}.json.gz" for day in DAYS if day != DAYS.first
    ]


def test_one_command_keeps_an_archive(server: Server) -> None:
    """Everything of some days, from a server that has published nothing; every night again, at no cost."""
    run, account = server.instance.run, AccountSid(server.instance.variables["DAYFILE_ACCOUNT_SID"])
    expectation = write_messages(server.instance, account)
    run("intake", "Messages", "messages.json.gz")
    synced = server.instance.json("days", "sync", "all", ASKED, "-o", "archive")
    assert {(day["state"], day["proven"]) for day in synced} == {("downloaded", True)}
    assert len(synced) == 4 * len(DAYS)
    for day in (day for day in synced if day["resource_type"] == "Messages"):
        assert day["plain_sha256"] == expectation.sha256((account, MESSAGES, Day.parse(day["day"])))
    jobs = server.instance.json("jobs", "list", "all")
    assert len(jobs) == 4
    again = run("days", "sync", "all", f"{DAYS.first}..yesterday", "-o", "archive", expect=Outcome.TRY_AGAIN)
    assert "12 here, 4 not yet" in again.stderr
    assert server.instance.json("jobs", "list", "all") == jobs
    assert {path.suffix for path in (server.instance.folder / "archive").iterdir()} == {".gz"}


def test_the_audit_log_tells_of_jobs_and_of_how_a_server_began(server: Server) -> None:
    """Operators ask, after something went wrong, whose days were asked for, by whom, and under which settings."""
    instance = server.instance
    account, started = instance.variables["DAYFILE_ACCOUNT_SID"], instance.json("audit", "list")[-1]
    job = instance.json("jobs", "create", "Calls", str(LAST))["job_sid"]
    instance.run("jobs", "delete", job)
    deeds = [(line["action"], line["actor"]) for line in instance.json("audit", "list", "--subject", account)]
    assert deeds[:2] == [("job.deleted", account), ("job.created", account)]
    assert (started["action"], started["actor"]) == ("server.started", operator_here().name)
    assert "DAYFILE_WEBHOOK_ALLOW=127.0.0.0/8" in started["subject"]


def test_daily_exports_are_switched_and_shown(server: Server) -> None:
    """Each part by itself: a script that sets the webhook must not have to know whether exports are on."""
    run, json_of = server.instance.run, server.instance.json
    assert "is not exported" in run("configuration", "show", "Calls").stdout
    run("configuration", "set", "Calls", "--webhook-url", "http://127.0.0.1:9999/hook")
    assert json_of("configuration", "set", "Calls", "--enable")["webhook_method"] == "POST"
    shown = run("configuration", "show", "Calls").stdout
    assert "is exported automatically" in shown
    assert "POST http://127.0.0.1:9999/hook" in shown
    cleared = json_of("configuration", "set", "Calls", "--no-webhook")
    assert (cleared["enabled"], cleared["webhook_url"], cleared["webhook_method"]) == (True, "", "")
    assert json_of("configuration", "set", "Calls", "--disable")["enabled"] is False
    assert "nothing to change" in run("configuration", "set", "Calls", expect=Outcome.USAGE).stderr
    both = run("configuration", "set", "Calls", "--no-webhook", "--webhook-method", "GET", expect=Outcome.USAGE)
    assert "does not go together" in both.stderr


def test_a_link_works_without_credentials(server: Server) -> None:
    """It is given to somebody who has none."""
    server.instance.run("jobs", "create", "Messages", str(LAST), "--watch")
    link = server.instance.run("days", "fetch", "Messages", str(LAST)).stdout.strip()
    assert gzip.decompress(httpx2.get(link).content) == b""


def test_what_the_server_refuses_is_told_in_a_line(server: Server) -> None:
    """The API's message and code, and no trace."""
    today = Day.of(SystemClock().now())
    done = server.instance.run("jobs", "create", "Messages", str(today), expect=Outcome.FAILED)
    assert "EndDay must be at least two days before today" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    server.instance.variables["DAYFILE_AUTH_TOKEN"] = "wrong"
    assert "credentials" in server.instance.run("jobs", "list", "Messages", expect=Outcome.NOT_FOUND).stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_stops_in_good_order(number: signal.Signals, instance: Instance) -> None:
    """Told by the system or by Ctrl-C: exit code 0, and nothing that looks like trouble in the log."""
    with serving(instance) as running:
        running.process.send_signal(number)
        assert running.process.wait(60) == 0
    assert "Traceback" not in instance.log()
    assert '"level": "error"' not in instance.log()


def test_a_port_in_use_is_told(server: Server) -> None:
    """The second server says so and leaves the first alone."""
    port = server.url.rpartition(":")[2]
    done = server.instance.run("serve", "--port", port, expect=Outcome.FAILED)
    assert f":{port}: another process listens there" in done.stderr
    assert httpx2.get(f"{server.url}/healthz").status_code == 200


def test_a_data_folder_that_cannot_be_written_is_told(instance: Instance) -> None:
    """With the folder's name and what to do."""
    (instance.folder / "data").write_text("a file, not a folder")
    done = instance.run("serve", "--port", "0", expect=Outcome.FAILED)
    assert str(instance.folder / "data") in done.stderr
    assert "DAYFILE_DATA_DIR" in done.stderr
    assert "Traceback" not in done.stderr


def mates(running: Server) -> list[int]:
    """The processes of a server that has several; none where the system does not tell."""
    children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children")
    pids = children.read_text().split() if children.exists() else []
    return [int(pid) for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_several_processes_answer_on_one_port_and_one_works(instance: Instance) -> None:
    """They end together: a server that was told to stop leaves nobody behind who goes on answering."""
    with serving(instance, "--processes", "2") as running:
        log_in(instance, running.url)
        instance.run("jobs", "create", "Messages", str(LAST), "--watch")
        ours = os.getpriority(os.PRIO_PROCESS, 0)
        niceness = sorted(os.getpriority(os.PRIO_PROCESS, pid) - ours for pid in mates(running))
        assert niceness in ([0, 0, WORKER_NICENESS], [])  # who works goes after those that answer
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(60) == 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(running.url.rpartition(":")[2]))) != 0


def test_a_process_that_dies_is_replaced(instance: Instance) -> None:
    """A client that connects meanwhile only waits: the socket outlives those who answer on it."""
    if not Path("/proc/self/task").exists():
        pytest.skip("this system has no /proc to find the processes in")
    with serving(instance, "--processes", "2") as running:
        pids = mates(running)
        assert len(pids) == 3  # two that answer, one that works
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        assert httpx2.get(f"{running.url}/healthz", timeout=60).status_code == 200
    assert instance.log().count("process.restarted") == 3


def test_processes_end_with_the_one_that_watches_over_them(instance: Instance) -> None:
    """It was killed and could not tell them: left behind, they would hold the port, and no new server could start."""
    with instance.start("serve", "--port", "0", "--processes", "2") as process:
        port = ready_address(process).rpartition(":")[2]
        process.kill()
        process.communicate(timeout=PATIENCE_SECONDS)  # they hold the pipe, too: it ends when all of them have ended
    with serving(instance, "--port", port) as again:
        assert httpx2.get(f"{again.url}/healthz").status_code == 200


def test_a_worker_works_beside_a_server_that_does_not(instance: Instance) -> None:
    """The two halves of a server can be processes of their own, started and stopped apart."""
    with serving(instance, "--no-worker") as running:
        log_in(instance, running.url)
        job = instance.json("jobs", "create", "Messages", str(LAST))["job_sid"]
        assert instance.json("jobs", "show", job)["details"][0]["status"] == "Submitted"
        worker = instance.start("work")
        try:
            instance.run("jobs", "watch", job)
        finally:
            worker.terminate()
            worker.communicate()
        assert worker.returncode == 0
