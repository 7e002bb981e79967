"""Mistakes in what is sent: a message names the thing, the rule and what to do, and no other line pays.

Every case goes to the same server over HTTP, among good records; and all of them together into one file.
"""

from __future__ import annotations

import bz2
import gzip
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dayfile.cli.exit_codes import Outcome
from tests.e2e.cli_instance import Instance
from tests.support.intake_server import DAY, MAX_BODY_BYTES, Server
from tests.support.records import Sent, body_of
from tests.support.state import a_sid

Make = Callable[[dict[str, Any]], bytes]
"""A bad line, made of the members of a good one."""

_numbers = itertools.count(1)


def _with(**members: Any) -> Make:
    return lambda good: json.dumps(good | members).encode()


def _without(name: str) -> Make:
    return lambda good: json.dumps({key: value for key, value in good.items() if key != name}).encode()


def _ending_in(text: bytes) -> Make:
    return lambda good: json.dumps(good).encode()[:-1] + text


def _a_call(good: dict[str, Any]) -> bytes:
    times = {name: good[name] for name in ("account_sid", "date_created", "date_updated")}
    return json.dumps({"sid": a_sid("CA", "a call"), **times, "duration": "3", "status": "completed"}).encode()


BAD_LINES: list[tuple[Make, str | None, str]] = [
    (lambda _: b"hello", None, "must be a JSON object"),
    (lambda _: b"42", None, "must be a JSON object"),
    (lambda _: b"{", None, "it is not over where the line ends"),
    (lambda good: json.dumps(good).encode()[:-20], None, "must be a JSON object"),
    (lambda good: json.dumps(good).encode() * 2, None, "must be one JSON object: more follows it"),
    (lambda good: json.dumps(good).encode().replace(b"hello", b"h\xff"), None, "must be UTF-8"),
    (lambda good: b"\xef\xbb\xbf" + json.dumps(good).encode(), None, "send UTF-8 without one"),
    (_ending_in(b', "body": "again"}'), None, "'body' twice in one object: send it once"),
    (_ending_in(b', "x": NaN}'), None, "NaN is not JSON, send null"),
    (_with(body="\ud800"), None, "half a surrogate pair .* send the whole character; look at 'body'"),
    (_with(body="x" * (1 << 20)), None, "must be at most 1048576 bytes long"),
    (_with(x=[[[0]] * 2] * 2, body=5), "body", "must be text or null"),
    (_with(num_segments="many"), "num_segments", "must be an integer of at most 64 bits, or null"),
    (_with(sid="SM12"), "sid", "must be SM or MM followed by 32 lower-case hexadecimal digits"),
    (_without("sid"), "sid", "it is missing or null"),
    (_with(account_sid="AC12"), "account_sid", "must be AC followed by 32 lower-case"),
    (_with(account_sid=a_sid("AC", "nobody")), "account_sid", "no such account here: the line is kept, and taken in"),
    (_with(date_created="2026-11-01T10:00:00"), "date_created", "must say its time zone: add Z if it is UTC"),
    (_with(date_created="yesterday"), "date_created", "must be a time such as 2026-"),
    (_with(date_created="2026-02-30T10:00:00Z"), "date_created", "must be a date of the calendar"),
    (_with(date_created="2009-12-31T23:59:59Z"), "date_created", "must be from 2010-01-01T00:00:00Z to"),
    (_with(date_created="2199-01-01T00:00:00Z"), "date_created", "24 hours from now"),
    (_without("date_updated"), "date_updated", "must be a time with its zone; it is missing or null"),
    (_a_call, "sid", "CA stands for Calls: send it as one of them"),
]

BAD_BODIES: list[tuple[Callable[[bytes], bytes], dict[str, str], int, str]] = [
    (lambda good: gzip.compress(good)[:-5], {"Content_Encoding": "gzip"}, 400, "cut off before its end: send all of"),
    (lambda good: good, {"Content_Encoding": "gzip"}, 400, "is not gzip: send gzip, or send the lines plain"),
    (lambda good: good, {"Content_Encoding": "zstd"}, 400, "is not zstd: send zstd, or send the lines plain"),
    (
        lambda good: good.decode().encode("utf-16"),
        {},
        400,
        "is text in UTF-16, not JSON lines or an array: send it in UTF-8",
    ),
    (bz2.compress, {}, 400, "is bzip2, not JSON lines or an array: send it unpacked"),
    (gzip.compress, {}, 400, "does not say so: send it with Content-Encoding: gzip"),
    (lambda _: gzip.compress(b"\n" * (MAX_BODY_BYTES + 1)), {"Content_Encoding": "gzip"}, 413, "send it in smaller"),
    (lambda good: b"[" + good, {}, 400, "the JSON array is cut off after element 1: send all of it"),
    (lambda good: good, {"Content_Encoding": "br"}, 400, "Content-Encoding must be gzip or zstd, or absent"),
    (lambda good: good, {"path": "/v1/Records/messages"}, 404, "use one of Messages, Calls"),
]


@pytest.fixture
def acme(server: Server) -> str:
    """An account that nobody else uses."""
    return server.new_account()


def _message(account: str, body: str = "hello") -> Sent:
    at = f"{DAY}T10:00:00Z"
    return Sent(account=account, name=f"{next(_numbers)}", created=at, updated=at, body=body)


def _bad(account: str, make: Make) -> bytes:
    return make(json.loads(_message(account).line())) + b"\n"


@pytest.mark.parametrize("number", range(len(BAD_LINES)))
def test_a_bad_line_is_named_and_costs_no_other(server: Server, acme: str, number: int) -> None:
    """The sender repairs the one line that is wrong; the rest is durable."""
    make, field, reason = BAD_LINES[number]
    before, behind = body_of([_message(acme, "before")]), body_of([_message(acme, "behind")])
    answer = server.post(before + _bad(acme, make) + behind)
    receipt = answer.json()
    assert (answer.status_code, receipt["accepted"], receipt["rejected"]) == (200, 2, 1)
    [rejection] = receipt["rejections"]
    assert (rejection["line"], rejection["field"]) == (2, field)
    assert _matches(reason, rejection["reason"])
    assert server.waiting(acme) == ["before", "behind"]


@pytest.mark.parametrize("number", range(len(BAD_BODIES)))
def test_a_bad_body_leaves_nothing_and_the_next_is_taken(server: Server, acme: str, number: int) -> None:
    """All or nothing: half a body in the file of a day is worse than none."""
    spoil, options, status, message = BAD_BODIES[number]
    good = body_of([_message(acme, "good")])
    answer = server.post(spoil(good), **options)
    assert answer.status_code == status
    assert message in answer.json()["message"]
    assert server.waiting(acme) == []
    assert server.post(good).json()["accepted"] == 1
    assert server.waiting(acme) == ["good"]


def test_what_only_looks_bad_is_taken(server: Server, acme: str) -> None:
    """Lines of Windows, empty ones, and arrays that are printed to be read."""
    lines = [_message(acme, name).line() for name in ("a", "b", "c")]
    assert server.post(b"\r\n\n  \r\n" + b"\r\n\r\n".join(lines[:2])).json()["accepted"] == 2
    pretty = json.dumps([json.loads(lines[2]) | {"more": {"lines": ["\n", {}]}}], indent=2)
    assert server.post(pretty.encode()).json()["accepted"] == 1
    assert server.waiting(acme) == ["a", "b", "c"]


def test_a_file_of_everything_that_can_be_wrong_is_told_line_by_line(tmp_path: Path) -> None:
    """The command names each line, keeps it, and takes the good ones in."""
    instance = Instance(tmp_path)
    instance.run("init")
    account = instance.json("accounts", "create")["account_sid"]
    good = body_of([_message(account)])
    (tmp_path / "bad.json").write_bytes(good + b"".join(_bad(account, make) for make, _, _ in BAD_LINES) + good)
    done = instance.run("intake", "Messages", "bad.json", "--json", expect=Outcome.FAILED)
    [receipt] = json.loads(done.stdout)
    assert (receipt["accepted"], receipt["rejected"]) == (2, len(BAD_LINES))
    kept = instance.json("rejections", "list")
    assert [(one["source"], one["line"]) for one in kept] == [("bad.json", n + 2) for n in range(len(BAD_LINES))]
    for one, told, (_, field, reason) in zip(kept, receipt["rejections"], BAD_LINES, strict=True):
        assert one["field"] == told["field"] == field
        assert _matches(reason, one["reason"])
        assert _matches(reason, told["reason"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b"{}\n" * 1000)[:-9], "cut off"),
        (b"[{}, {}", "the JSON array is cut off after element 2"),
        (gzip.compress(gzip.compress(b"{}\n")), "gzip within gzip"),
    ],
    ids=["gzip", "array", "twice"],
)
def test_a_file_that_cannot_be_read_on_is_named_with_what_is_kept(tmp_path: Path, content: bytes, message: str) -> None:
    """Exit code 1, the name of the file, and what to do."""
    instance = Instance(tmp_path)
    instance.run("init")
    (tmp_path / "broken.json").write_bytes(content)
    done = instance.run("intake", "Messages", "broken.json", expect=Outcome.FAILED)
    assert "broken.json: the " in done.stderr
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def _matches(reason: str, text: str) -> bool:
    words = reason.split(" .* ")
    return all(word in text for word in words)
