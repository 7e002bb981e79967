from __future__ import annotations

import gzip
import json
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dayfile.cli.exit_codes import Outcome
from dayfile.files import zstd
from tests.support.state import a_sid

PARENT, CHILD = a_sid("AC", "parent"), str(uuid.UUID(int=7))
CHILD_SID = "AC" + CHILD.replace("-", "")
TOKEN = "their-own.token/0"

CSV = (
    "sid,token,parent,state,friendly_name,email\n"
    f'{CHILD.upper()},,{PARENT},suspended,"a, b",\n'
    f"{PARENT},{TOKEN},,,,a@example.com\n"
)
JSON = "\n".join(
    (
        json.dumps({"sid": CHILD, "parent": PARENT, "state": "suspended", "friendly_name": "a, b"}),
        "",
        json.dumps({"sid": PARENT, "token": TOKEN, "email": "a@example.com"}),
    )
)

pytestmark = pytest.mark.usefixtures("made")


def listed(run: Any) -> dict[str, dict[str, Any]]:
    """All accounts, by sid."""
    return {account["account_sid"]: account for account in json.loads(run("accounts", "list", "--json").stdout)}


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress], ids=["plain", "gzip", "zstd"])
@pytest.mark.parametrize(
    "text",
    [CSV, "\ufeff" + CSV, CSV + ",,,,,\n, , ,\n\n", JSON],
    ids=["csv", "csv with a mark", "csv with empty cells", "json"],
)
def test_a_file_makes_the_accounts_it_names(
    run: Any, tmp_path: Path, text: str, pack: Callable[[bytes], bytes]
) -> None:
    """Whichever form the platform can write; a parent may come after its child, and a UUID names an account."""
    file = tmp_path / "accounts"
    file.write_bytes(pack(text.encode()))
    done = run("accounts", "import", str(file), "--json")
    assert done.exit_code == Outcome.DONE
    made = {step["account_sid"]: step for step in json.loads(done.stdout)}
    assert {step["action"] for step in made.values()} == {"create"}
    assert len(made[CHILD_SID]["auth_token"]) == 32
    assert "auth_token" not in made[PARENT]
    assert "Twilio's library for Go" in done.stderr
    child, parent = (listed(run)[sid] for sid in (CHILD_SID, PARENT))
    assert (child["parent_account_sid"], child["status"], child["friendly_name"]) == (PARENT, "suspended", "a, b")
    assert (parent["email"], parent["status"]) == ("a@example.com", "active")


def test_the_same_file_again_changes_nothing_and_another_says_what(run: Any) -> None:
    """Import is what a nightly job may do; a dry run changes nothing at all."""
    run("accounts", "import", "-", text=CSV)
    again = json.loads(run("accounts", "import", "-", "--json", text=CSV).stdout)
    assert {(step["action"], tuple(step["changes"])) for step in again} == {("unchanged", ())}
    changed = json.dumps({"sid": PARENT, "token": TOKEN + "1", "email": "", "state": "suspended"})
    for words in (("--dry-run",), ()):
        (step,) = json.loads(run("accounts", "import", "-", "--json", *words, text=changed).stdout)
        assert (step["action"], step["changes"]) == ("change", ["token", "state", "email"])
        assert (listed(run)[PARENT]["status"] == "suspended") is (words == ())
    assert "Nothing to change" in run("accounts", "import", "-", text=changed).stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"sid,token\n{PARENT},short\nAC1,\n", "line 2: token must be 16 to 128 visible ASCII"),
        (f"sid,token\n{PARENT},short\nAC1,\n", "line 3: sid must be AC followed by 32"),
        (f"sid\n{PARENT}\n{PARENT}\n", "comes twice"),
        (f"sid,parent\n{PARENT},{a_sid('AC', 'nobody')}\n", "line 2: parent"),
        (f"sid,parent\n{PARENT},{PARENT}\n", "is a subaccount itself"),
        (f"sid,state\n{PARENT},closed\n", "line 2: state must be active or suspended"),
        (f"sid,state\n{PARENT}\n", "line 2: the line must have 2 cells"),
        (f"sid,name\n{PARENT},x\n", "names its columns"),
        ("token\nx\n", "names its columns"),
        ('{"sid": 5}', "line 1: sid must be text"),
        (f'{{"sid": "{PARENT}"}}\n{{"SID": "x"}}', "line 2: SID must be text and one of sid"),
        (f'{{"sid": "{PARENT}"}}\n{{', "line 2: the line must be a JSON object"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_changed(run: Any, text: str, message: str) -> None:
    """All of it or none: half an import is a state that nobody has asked for."""
    done = run("accounts", "import", "-", text=text)
    assert done.exit_code != Outcome.DONE
    assert message in done.stderr
    assert listed(run) == {}


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"PK\x03\x04" + b"x" * 40, "is a zip file, not CSV or JSON lines"),
        (CSV.encode("utf-16"), "UTF-16.*UTF-8"),
        (zstd.compress(CSV.encode() * 100)[:-9], "not whole gzip or zstd"),
        (zstd.compress(CSV.encode())[:9] + b"x" * 40, "not whole gzip or zstd"),
    ],
)
def test_a_file_of_another_kind_is_named(run: Any, tmp_path: Path, content: bytes, name: str) -> None:
    """A spreadsheet is saved as many things; the message says as which, and what to do."""
    file = tmp_path / "accounts"
    file.write_bytes(content)
    done = run("accounts", "import", str(file))
    assert (done.exit_code, bool(re.search(name, done.stderr))) == (Outcome.FAILED, True)
    assert listed(run) == {}


def test_a_file_that_is_cut_off_is_refused(run: Any, tmp_path: Path) -> None:
    """Its last accounts would be missing, and nobody would know."""
    file = tmp_path / "accounts.csv.gz"
    file.write_bytes(gzip.compress(CSV.encode() * 100)[:-9])
    done = run("accounts", "import", str(file))
    assert (done.exit_code, "not whole gzip" in done.stderr) == (Outcome.FAILED, True)
    assert run("accounts", "import", str(tmp_path / "none")).exit_code == Outcome.USAGE
