"""The snippets of docs/compat.md that lead each client to another address, run word for word but for that address."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.compat.client import ApiClient, Place, environment
from tests.compat.conftest import Customer
from tests.compat.installed import CLIENTS, FOLDER
from tests.conftest import ROOT
from tests.support.face import Face, Login
from tests.support.front import Front

SECTION = (ROOT / "docs" / "compat.md").read_text(encoding="utf-8").partition("\n### Another address\n")[2]
SNIPPETS: list[str] = re.findall(r"```\w+\n(.*?)```", SECTION.partition("\n## ")[0], flags=re.DOTALL)


@pytest.fixture
def acme(face: Face) -> Login:
    """An account with a day that has one line."""
    acme = face.account()
    face.seal(acme, "2026-10-01", b'{"body":"hello"}\n')
    face.publish(acme, "2026-10-01")
    return acme


def run(command: list[str], login: Login, variables: Mapping[str, str]) -> str:
    """Run a program as the account's owner; what it prints."""
    names = {"ACCOUNT_SID": login.sid, "AUTH_TOKEN": login.password}
    done = subprocess.run(
        command,
        env=environment({**names, **variables}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_python_is_led_elsewhere(face: Face, acme: Login) -> None:
    """One attribute."""
    given = "import os\naccount_sid, auth_token = os.environ['ACCOUNT_SID'], os.environ['AUTH_TOKEN']\n"
    snippet = SNIPPETS[0].replace("http://localhost:8080", face.url)
    assert run([sys.executable, "-c", given + snippet], acme, {}).startswith("2026-10-01 ")


@pytest.mark.parametrize("client_name", ["twilio-node 6.0.2", "twilio-node 6.2.0"])
def test_node_is_led_elsewhere(face: Face, acme: Login, tmp_path: Path, client_name: str) -> None:
    """One property."""
    CLIENTS[client_name].ready(tmp_path)
    given = "const { ACCOUNT_SID: accountSid, AUTH_TOKEN: authToken } = process.env;\n"
    snippet = SNIPPETS[1].replace("http://localhost:8080", face.url)
    modules = {"NODE_PATH": str(FOLDER / str(CLIENTS[client_name].folder) / "node_modules")}
    assert run(["node", "-e", given + snippet], acme, modules).startswith("2026-10-01 ")


def test_curl_is_led_elsewhere(face: Face, acme: Login, tmp_path: Path) -> None:
    """It goes where it is sent; with -L it arrives at the file."""
    CLIENTS["curl"].ready(tmp_path)
    snippet = SNIPPETS[2].replace("http://localhost:8080", face.url)
    printed = run(["bash", "-ec", snippet], acme, {})
    assert '"day": "2026-10-01"' in printed
    assert printed.endswith('{"body":"hello"}\n')


def test_the_command_line_is_led_elsewhere(front: Front, acme: Login, tmp_path: Path) -> None:
    """By the name that it knows, and a CA that it is told to trust."""
    CLIENTS["twilio-cli 6.2.4"].ready(tmp_path)
    snippet = SNIPPETS[3].replace("/etc/dayfile/ca.pem", str(front.ca_file))
    programs = FOLDER / "cli-6.2.4" / "node_modules" / ".bin"
    variables = {
        "PATH": f"{programs}:{Path(str(shutil.which('node'))).parent}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "HTTP_PROXY": front.proxy,  # for a name in the DNS
        "TWILIO_SKIP_NEW_VERSION_CHECK": "true",
    }
    assert "2026-10-01" in run(["bash", "-ec", snippet], acme, variables)


@pytest.mark.parametrize("client_name", [name for name in CLIENTS if name.startswith("twilio-") and "cli" not in name])
def test_code_that_is_not_changed_at_all_is_led_elsewhere(
    front: Front, acme: Login, ready_client: Callable[[str], ApiClient], client_name: str
) -> None:
    """The same way works for libraries: page addresses and all, with nothing but an environment."""
    place = Place(url=None, environment=front.environment)
    owner = Customer(client=ready_client(client_name), place=place, login=acme, base="")
    assert [day["day"] for day in owner("list_days", "Messages", page_size=1)] == ["2026-10-01"]
