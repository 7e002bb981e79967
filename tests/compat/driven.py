"""Twilio's libraries, each run by a program of its own that reads requests and writes answers, one per line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any

from tests.compat.client import NOBODY, Place, Refused, by_api_names, environment
from tests.support.face import Login

PATIENCE_SECONDS = 60


class Driven:
    """One version of a library, in a process that stays."""

    def __init__(self, command: list[str], variables: Mapping[str, str], *, is_camel_cased: bool) -> None:
        self._command = command
        self._variables = variables
        self._is_camel_cased = is_camel_cased
        self._process: subprocess.Popen[str] | None = None
        self._environment: Mapping[str, str] = {}

    def call(self, place: Place, login: Login, operation: str, *words: str, **options: Any) -> Any:
        shown = self.show(place, login, operation, *words, **options)
        return by_api_names(shown) if self._is_camel_cased else shown

    def show(self, place: Place, login: Login, operation: str, *words: str, **options: Any) -> Any:
        """As `call`, with the members' names as the library has them."""
        request = {
            "base_url": place.url,
            "username": login.username,
            "password": login.password,
            "account_sid": login.sid,
            "operation": operation,
            "words": words,
            "options": options,
        }
        reply = self._ask(place, request)
        if "refused" in reply:
            raise Refused(**reply["refused"])
        return reply.get("answer")

    def version(self) -> str:
        return str(self.call(Place(url=None, environment={}), NOBODY, "version"))

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate(timeout=PATIENCE_SECONDS)
            self._process = None

    def _ask(self, place: Place, request: Mapping[str, Any]) -> dict[str, Any]:
        process = self._in(place.environment)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        assert line, f"{self._command} ended without an answer; what it said is among what was captured"
        reply: dict[str, Any] = json.loads(line)
        return reply

    def _in(self, variables: Mapping[str, str]) -> subprocess.Popen[str]:
        """The process, started anew where the environment is another one than for the call before."""
        if self._process is None or self._environment != variables:
            self.close()
            self._environment = variables
            self._process = subprocess.Popen(
                self._command,
                env=environment({**self._variables, **variables}),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        return self._process
