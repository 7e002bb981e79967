"""Twilio's command line: a process for each call. It knows Twilio's own address and no other."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.compat.client import NOBODY, Place, Refused, by_api_names, environment
from tests.support.face import Login

PATIENCE_SECONDS = 60

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "fetch_export": ("fetch", "--resource-type"),
    "fetch_configuration": ("configuration:fetch", "--resource-type"),
    "update_configuration": ("configuration:update", "--resource-type"),
    "list_days": ("days:list", "--resource-type"),
    "stream_days": ("days:list", "--resource-type"),
    "fetch_day": ("days:fetch", "--resource-type", "--day"),
    "list_jobs": ("jobs:list", "--resource-type"),
    "create_job": ("jobs:create", "--resource-type"),
    "fetch_job": ("jobs:fetch", "--job-sid"),
    "delete_job": ("jobs:remove", "--job-sid"),
}

LISTS = ("list_days", "stream_days", "list_jobs")


class CommandLine:
    """One installed version."""

    def __init__(self, folder: Path, *, home: Path) -> None:
        self._bin = folder / "node_modules" / ".bin"
        self._home = home

    def call(self, place: Place, login: Login, operation: str, *words: str, **options: Any) -> Any:
        assert place.url is None, "it cannot be told a base URL"
        command, *names = COMMANDS[operation]
        flags = [text for pair in zip(names, words, strict=True) for text in pair]
        done = self._run(place, login, f"api:bulkexports:v1:exports:{command}", *flags, *_flags(operation, options))
        if done.returncode:
            raise _refused(done)
        if operation == "delete_job":
            return "deleted successfully" in done.stderr
        if not done.stdout:
            assert "No results" in done.stderr, done.stderr
            return []
        shown = by_api_names(json.loads(done.stdout))
        return shown if operation in LISTS else shown[0]

    def version(self) -> str:
        told = self._run(Place(url=None, environment={}), NOBODY, "--version").stdout
        return told.removeprefix("twilio-cli/").split()[0]

    def close(self) -> None:
        """No process stays."""

    def _run(self, place: Place, login: Login, *words: str) -> subprocess.CompletedProcess[str]:
        variables = {
            "PATH": f"{self._bin}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self._home),
            "TWILIO_SKIP_NEW_VERSION_CHECK": "true",  # it would ask the registry
            "TWILIO_ACCOUNT_SID": login.sid,
        }
        if login.username == login.sid:
            variables["TWILIO_AUTH_TOKEN"] = login.password
        else:
            variables |= {"TWILIO_API_KEY": login.username, "TWILIO_API_SECRET": login.password}
        return subprocess.run(
            ["twilio", *words],  # noqa: S607 - the one that PATH leads to
            env=environment({**variables, **place.environment}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )


def _flags(operation: str, options: Mapping[str, Any]) -> Iterator[str]:
    for name, value in options.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            yield f"--{flag}" if value else f"--no-{flag}"
        else:
            yield from (f"--{flag}", str(value))
    if operation in LISTS and "limit" not in options:
        yield "--no-limit"  # its own is 50
    yield from ("-o", "json")


def _refused(done: subprocess.CompletedProcess[str]) -> Refused:
    """With JSON asked for, the error's body is what it prints; its exit code is the code's first two digits."""
    (told,) = json.loads(done.stdout)
    assert done.returncode == int(str(told["code"])[:2])
    return Refused(status=told["status"], code=told["code"], message=told["message"])
