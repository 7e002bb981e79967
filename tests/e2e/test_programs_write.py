"""curl and urllib, as documents and scripts have them, write as ever: what keeps pages out does not concern them."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import urllib.request
from collections.abc import Callable

import pytest

from tests.support.intake_server import DAY, PATH, Server
from tests.support.records import Sent, body_of

Login = tuple[str, str]
JOBS = "/v1/Exports/Messages/Jobs"
JOB = b"StartDay=2026-11-01&EndDay=2026-11-02&FriendlyName=october"


def with_curl(url: str, login: Login, body: bytes) -> dict[str, object]:
    """`curl -u ... --data-binary @-`."""
    if shutil.which("curl") is None:
        pytest.skip("there is no curl here")
    command = ["curl", "--silent", "--show-error", "--fail", "-u", ":".join(login), "--data-binary", "@-", url]
    done = subprocess.run(command, input=body, capture_output=True, check=True, timeout=60)
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def with_urllib(url: str, login: Login, body: bytes) -> dict[str, object]:
    """`urlopen` with data, which makes it a POST."""
    basic = base64.b64encode(":".join(login).encode()).decode()
    request = urllib.request.Request(url, data=body, headers={"Authorization": f"Basic {basic}"})  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=60) as answered:  # noqa: S310 - the same
        answer: dict[str, object] = json.load(answered)
    return answer


@pytest.mark.parametrize("send", [with_curl, with_urllib])
def test_programs_send_records_and_ask_for_jobs(server: Server, send: Callable[..., dict[str, object]]) -> None:
    """They say that everything is a form, and nothing of a site or an origin."""
    acme = server.new_account()
    moment = f"{DAY}T10:00:00Z"
    batch = body_of([Sent(account=acme, name="a", created=moment, updated=moment, body=send.__name__)])
    assert send(server.url + PATH, server.operator, batch)["accepted"] == 1
    assert server.waiting(acme) == [send.__name__]
    assert send(server.url + JOBS, server.account, JOB)["friendly_name"] == "october"
