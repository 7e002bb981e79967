"""The page about the Python library, run word for word but for the address of the server."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.e2e.cli_instance import Instance, serving

PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
SCRIPT = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL))
RECORD = (
    '{"sid":"SM0123456789abcdef0123456789abcdef","account_sid":"%s","date_created":"2026-10-01T10:00:00Z",'
    '"date_updated":"2026-10-01T10:00:03Z","status":"delivered","body":"hello from the page"}\n'
)


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    """An instance with an account that has one record, a key, and the page's variables set for them."""
    instance = Instance(tmp_path)
    instance.run("init")
    account = instance.json("accounts", "create")
    key = instance.json("keys", "create", "--operator")
    instance.variables |= {"ACCOUNT_SID": account["account_sid"], "AUTH_TOKEN": account["auth_token"]}
    instance.variables |= {"KEY_SID": key["sid"], "KEY_SECRET": key["secret"]}
    instance.run("intake", "Messages", "-", text=RECORD % account["account_sid"])
    return instance


def test_the_examples_of_the_page_run_one_after_the_other(instance: Instance) -> None:
    """A reader types them in this order, against a server of their own; each prints what the page says about it."""
    with serving(instance) as server:
        script = SCRIPT.replace("http://localhost:8080", server.url)
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", script],
            cwd=instance.folder,
            env=instance.environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    account = instance.variables["ACCOUNT_SID"]
    first = f"archive/{account}-Messages-2026-10-01.json.gz"
    for line in (
        "2 days done, 0 failed",
        f"{first} 1 records, proven: True",
        f"Messages 2026-10-01 here {first}",
        f"Messages 2026-10-03 downloaded archive/{account}-Messages-2026-10-03.json.gz",
        f"Calls 2026-10-07 downloaded archive/{account}-Calls-2026-10-07.json.gz",
        "1 accepted, 1 rejected",
    ):
        assert line in done.stdout.splitlines(), done.stdout
    assert '"body":"hello from the page"' in done.stdout
    assert re.search(r"^line 2 .*sid", done.stdout, flags=re.MULTILINE), done.stdout
    assert "try again" not in done.stdout
