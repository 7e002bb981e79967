"""The scrub in a real process: what is damaged is in the log without anybody asking for it."""

from __future__ import annotations

import json
from pathlib import Path

from dayfile.cli.exit_codes import Outcome
from dayfile.clock import SystemClock
from dayfile.model.day import last_custom_day
from tests.e2e.cli_instance import Instance, serving
from tests.support.records import Sent, body_of

DAY = last_custom_day(SystemClock().now())


def test_a_worker_names_what_is_damaged(tmp_path: Path) -> None:
    """Of an account whose customer asks for nothing, nobody else would learn it."""
    instance = Instance(tmp_path)
    instance.run("init")
    account = instance.json("accounts", "create")["account_sid"]
    sent = Sent(account=account, name="m", created=f"{DAY}T10:00:00Z", updated=f"{DAY}T10:00:01Z")
    instance.run("intake", "Messages", "-", text=body_of([sent]).decode())
    instance.run("seal", "Messages", str(DAY))
    [path] = (tmp_path / "data" / "objects" / "sealed").rglob("pack-*")
    content = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with serving(instance):
        line = next(event for event in instance.logged() if event["event"] == "damage.found")
    assert (line["account"], line["day"]) == (account, str(DAY))
    assert f"account={account}" in line["object"]
    [finding] = json.loads(instance.run("check", "--json", expect=Outcome.FAILED).stdout)
    assert (finding["account_sid"], finding["subject"]) == (account, line["object"])
