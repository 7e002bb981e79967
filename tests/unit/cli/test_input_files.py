"""Files, pipes and standard input, read by the commands that take files."""

from __future__ import annotations

import gzip
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dayfile.cli.exit_codes import Outcome
from tests.support.state import a_sid

ACCOUNT = a_sid("AC", "acme")
LIST = json.dumps({"sid": ACCOUNT, "token": "0" * 32}) + "\n"
AT = "2026-10-01T10:00:00Z"
RECORD = json.dumps(
    {"sid": a_sid("SM", "one"), "account_sid": ACCOUNT, "date_created": AT, "date_updated": AT, "body": "hello"}
)


@contextmanager
def _written_to(pipe: Path, content: bytes) -> Iterator[str]:
    """Another process writes into a named pipe meanwhile."""
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    yield str(pipe)
    writer.join()


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_pipe_is_read_as_a_file_is(run: Any, tmp_path: Path, pack: Any) -> None:
    """`dayfile intake Messages <(zcat october.gz)` names one, and so do many scripts."""
    with _written_to(tmp_path / "accounts", pack(LIST.encode())) as pipe:
        assert run("accounts", "import", pipe).exit_code == Outcome.DONE
    with _written_to(tmp_path / "records", pack(RECORD.encode())) as pipe:
        done = run("intake", "Messages", pipe, "--json")
    assert (done.exit_code, json.loads(done.stdout)[0]["accepted"]) == (Outcome.DONE, 1)


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("name", ["-", "/dev/stdin", "/dev/fd/0"])
def test_standard_input_has_several_names(run: Any, name: str) -> None:
    """Users who do not know `-` write the path of standard input."""
    assert run("accounts", "import", name, text=LIST).exit_code == Outcome.DONE
    done = json.loads(run("intake", "Messages", name, "--json", text=RECORD).stdout)
    assert [(one["file"], one["accepted"]) for one in done] == [("standard input", 1)]


@pytest.mark.parametrize(("name", "says"), [("", "is a folder: name the files in it"), ("missing", "there is no file")])
def test_what_is_no_file_is_a_mistake_in_the_command(run: Any, tmp_path: Path, name: str, says: str) -> None:
    """Before anything of the others is read."""
    for command in (("intake", "Messages"), ("accounts", "import")):
        done = run(*command, str(tmp_path / name))
        assert done.exit_code == Outcome.USAGE
        assert says in " ".join(done.stderr.replace("│", " ").split())
