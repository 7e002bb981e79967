"""The code in docs/webhooks.md, run against requests that were really delivered; and what the page says of attempts."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from dayfile.clock import SystemClock
from dayfile.delivery.webhook import WebhookTransport, fields_of
from dayfile.model.notice import ANSWER_BYTES, ATTEMPT_SECONDS, JITTER, RETRY_DELAYS, DayContent
from dayfile.model.webhook_secret import OVERLAP, secret_text
from tests.compat.installed import FOLDER
from tests.conftest import ROOT
from tests.support.receiver import Received, receiving
from tests.support.told import CREDENTIALS, LOOPBACK, OCTOBER, a_notice, destinations, trusted

PAGE = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
PYTHON: list[str] = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
NODE: list[str] = re.findall(r"```js\n(.*?)```", PAGE, flags=re.DOTALL)

Check = Callable[..., bool]


@pytest.fixture(scope="module", params=["GET", "POST"])
def delivered(request: pytest.FixtureRequest) -> tuple[str, Received]:
    """A notice as it came just now, and the URL it was sent to."""
    transport = WebhookTransport(destinations(*LOOPBACK), trusted=trusted(), clock=SystemClock())
    with receiving() as receiver:
        notice = a_notice(f"{receiver.url}/hook?tenant=7", method=request.param)
        transport.deliver(notice, attempt=1, credentials=CREDENTIALS, now=SystemClock().now())
        transport.close()
        return receiver.url + receiver.received[0].target, receiver.received[0]


def in_python(name: str) -> Check:
    """A function of the page, in Python."""
    namespace: dict[str, Any] = {}
    exec(next(block for block in PYTHON if f"def {name}(" in block), namespace)  # noqa: S102 - it is what readers do
    check: Check = namespace[name]
    return check


def in_node(name: str, *, modules: str = "") -> Check:
    """A function of the page, in Node."""
    if not shutil.which("node"):
        pytest.skip("there is no node here")
    block = next(block for block in NODE if f"function {name}(" in block)
    call = f"console.log({name}(...JSON.parse(require('fs').readFileSync(0))))"

    def check(*arguments: object) -> bool:
        done = subprocess.run(
            ["node", "-e", f"{block}\n{call}"],  # noqa: S607 - whichever node there is
            input=json.dumps(arguments),
            env={"NODE_PATH": modules, "PATH": "/usr/local/bin:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        )
        return {"true\n": True, "false\n": False}[done.stdout]

    return check


def twilio_in_python() -> Check:
    """The function of the page that uses Twilio's library."""
    return in_python("is_genuine_for_twilio")


def twilio_in_node() -> Check:
    """The same, with Twilio's library from npm."""
    modules = FOLDER / "node-6.2.0" / "node_modules"
    if not (modules / "twilio").exists():
        pytest.skip("twilio-node is not installed: `make clients` does it")
    return in_node("isGenuineForTwilio", modules=str(modules))


@pytest.mark.parametrize("language", [in_python, in_node], ids=["Python", "Node"])
def test_the_check_of_standard_webhooks_tells_ours_from_others(
    language: Callable[[str], Check], delivered: tuple[str, Received]
) -> None:
    """Readers copy this into production: it must take what is genuine and nothing else."""
    is_genuine = language("is_genuine" if language is in_python else "isGenuine")
    _, request = delivered
    payload = request.body.decode() if request.method == "POST" else request.query
    secret, former = map(secret_text, CREDENTIALS.webhook_secrets)
    assert is_genuine(request.headers, payload, secret)
    assert is_genuine(request.headers, payload, former)
    assert not is_genuine(request.headers, payload.replace("failed", "completed"), secret)
    assert not is_genuine({**request.headers, "webhook-id": "EV2"}, payload, secret)
    assert not is_genuine({**request.headers, "webhook-timestamp": "1700000000"}, payload, secret)
    assert not is_genuine({**request.headers, "webhook-signature": "v1,AAAA"}, payload, secret)
    assert not is_genuine(request.headers, payload, secret_text(b"x" * 32))


@pytest.mark.parametrize("language", [twilio_in_python, twilio_in_node], ids=["Python", "Node"])
@pytest.mark.compat(72)
def test_the_check_with_twilios_library_tells_ours_from_others(
    language: Callable[[], Check], delivered: tuple[str, Received]
) -> None:
    """Receivers that check Twilio's webhooks check these with the same line."""
    is_genuine = language()
    url, request = delivered
    form = request.form if request.method == "POST" else {}
    assert is_genuine(request.headers, url, form, CREDENTIALS.auth_token)
    assert not is_genuine(request.headers, url.replace("tenant=7", "tenant=8"), form, CREDENTIALS.auth_token)
    assert not is_genuine(request.headers, url, {**form, "Status": "completed"}, CREDENTIALS.auth_token)
    assert not is_genuine(request.headers, url, form, "another token")


def test_every_field_is_on_the_page() -> None:
    """And none that is not sent."""
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (?:all|`[\w.]+`) \|", PAGE, flags=re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"\w+", row)}
    of_day = a_notice("", content=DayContent(friendly_name="Daily export", size_bytes=1))
    assert told == {name for notice in (a_notice("", content=OCTOBER), of_day) for name, _ in fields_of(notice)}


def test_the_schedule_on_the_page_is_the_one_in_the_code() -> None:
    """Receivers plan their maintenance by it."""
    told = re.search(r"after (5 seconds, .*?), each up to a fifth longer\. After the tenth", PAGE, flags=re.DOTALL)
    assert told is not None
    seconds = {"second": 1, "minute": 60, "hour": 3600}
    delays = [int(n) * seconds[unit] for n, unit in re.findall(r"(\d+)\s+(second|minute|hour)", told[1])]
    assert delays == [int(delay.total_seconds()) for delay in RETRY_DELAYS]
    assert (len(RETRY_DELAYS), JITTER) == (9, 0.2)
    assert f"none within {ATTEMPT_SECONDS:g} seconds" in PAGE
    assert f"first {ANSWER_BYTES} bytes" in PAGE
    assert f"For {OVERLAP.total_seconds() / 3600:g} hours after that" in PAGE
