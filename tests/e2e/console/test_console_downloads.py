"""Downloads from the console: files by links, records on a page, and archives."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import zipfile

import httpx2
import pytest

from tests.support.customer_console import EMPTY_DAY, NEW_DAY, Customer, CustomerConsole, newest_deed


def test_a_download_goes_through_a_link(browser: httpx2.Client, console: CustomerConsole, acme: Customer) -> None:
    """The same link that the API gives, with the same line in the audit log."""
    answer = browser.get("/console/files/Messages/2026-11-11/download")
    assert answer.status_code == 307
    assert answer.headers["location"].startswith(f"{console.url}/v1/Downloads/")
    deed = newest_deed(console, acme.login).deed
    assert (deed.actor, deed.action) == (acme.sid, "link.given")
    assert deed.subject == f"{acme.sid}/Messages/2026-11-11/revision-1"
    file = httpx2.get(answer.headers["location"])
    page = browser.get("/console/files/Messages/2026-11-11")
    assert hashlib.sha256(file.content).hexdigest() in page.text
    assert f'attachment; filename="{acme.sid}-Messages-2026-11-11.json.gz"' in file.headers["content-disposition"]


def test_the_first_records_are_shown_and_that_is_noted(
    browser: httpx2.Client, console: CustomerConsole, acme: Customer
) -> None:
    """Reading them on a page discloses them as a download does."""
    path = "/console/files/Messages/2026-11-11/records"
    page = browser.get(path)
    deed = newest_deed(console, acme.login).deed
    assert (deed.action, deed.subject) == ("records.shown", f"{acme.sid}/Messages/2026-11-11/revision-1")
    assert '<th scope="col">body</th>' in page.text
    chosen = browser.get(path, params={"column": ["sid", "price", "no_such_field"]})
    assert re.findall(r'<th scope="col">(\w+)</th>', chosen.text) == ["sid", "price"]
    link = browser.get("/console/files/Messages/2026-11-11/download").headers["location"]
    lines = gzip.decompress(httpx2.get(link).content).splitlines()
    assert all(re.search(rb'"sid":"(\w+)"', line)[1].decode() in chosen.text for line in lines[:50])  # type: ignore[index]


def test_records_that_are_odd_are_shown_too(console: CustomerConsole) -> None:
    """Half a character, a number of thousands of digits, and more depth than a parser takes: all of it is JSON."""
    account, sid = console.account(), "SM" + "a" * 32
    odd = (
        b'"body":"\\ud83d"',
        b'"price":' + b"9" * 5000,
        b'"extra":' + b"[" * 100_000 + b"]" * 100_000,
        b'"to":{"a":1}',
    )
    console.seal(account, "2026-11-01", b"".join(b'{"sid":"%s",%s}\n' % (sid.encode(), one) for one in odd))
    console.face.publish(account, "2026-11-01")
    with console.signed_in(account) as browser:
        columns = {"column": ["sid", "body", "price", "to"]}
        page = browser.get("/console/files/Messages/2026-11-01/records", params=columns)
    assert page.status_code == 200
    cells = re.findall(r"<td[^>]*>(.*?)</td>", page.text)
    assert cells == [
        sid,
        "?",
        "",
        "",
        sid,
        "",
        "9" * 80 + "…",
        "",
        "",
        "",
        "",
        "",
        sid,
        "",
        "",
        "{&#34;a&#34;: &#34;1&#34;}",
    ]


def test_several_files_come_as_one_archive(browser: httpx2.Client, console: CustomerConsole, acme: Customer) -> None:
    """Each file is as a link gives it, and a list of hashes is there for sha256sum; an empty day is a file, too."""
    days = ["2026-11-11", EMPTY_DAY]
    answer = browser.get("/console/files/zip", params={"type": "Messages", "day": days})
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].endswith(f'{acme.sid}-Messages-{EMPTY_DAY}-to-2026-11-11.zip"')
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = [f"{acme.sid}-Messages-{day}.json.gz" for day in sorted(days)]
        assert archive.namelist() == [*names, "SHA256SUMS"]
        sums = [f"{hashlib.sha256(archive.read(name)).hexdigest()}  {name}\n" for name in names]
        assert archive.read("SHA256SUMS").decode() == "".join(sums)
        assert gzip.decompress(archive.read(names[0])) == b""
        assert gzip.decompress(archive.read(names[1])).count(b"\n") > 1
    with console.face.database.snapshot() as tx:
        noted = [line.deed.subject for line in tx.audit.newest(subject=acme.sid, limit=2)]
    assert noted == [f"{acme.sid}/Messages/2026-11-11/revision-1", f"{acme.sid}/Messages/{EMPTY_DAY}/empty"]


def test_an_archive_of_days_that_are_not_there_is_none(browser: httpx2.Client) -> None:
    """The error names the first of them; nothing is sent that looks like a file."""
    answer = browser.get("/console/files/zip", params={"type": "Messages", "day": ["2026-11-11", NEW_DAY]})
    assert answer.status_code == 404
    assert f"no file of Messages for {NEW_DAY}" in answer.text


def test_a_damaged_file_breaks_its_archive_off(console: CustomerConsole) -> None:
    """A program that opens what has come by then must not take it for a whole archive."""
    account = console.account()
    console.face.seal(account, "2026-11-01", b"x\n" * 10)
    sealed = console.face.seal(account, "2026-11-02", b"y\n" * 10)
    console.face.publish(account, "2026-11-01", "2026-11-02")
    path = console.face.storage.path(sealed.key)
    assert path is not None
    path.chmod(0o600)
    path.write_bytes(b"z" * sealed.size_bytes)
    got = bytearray()
    with console.signed_in(account) as browser, pytest.raises(httpx2.RemoteProtocolError):
        _receive(browser, "/console/files/zip?type=Messages", into=got)
    assert got.startswith(b"PK")
    assert not zipfile.is_zipfile(io.BytesIO(got))


def _receive(browser: httpx2.Client, path: str, *, into: bytearray) -> None:
    with browser.stream("GET", path) as answer:
        for block in answer.iter_bytes():
            into += block
