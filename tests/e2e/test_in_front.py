"""Proxies in front, real ones with the files that operators get: records go in through them, and files come out."""

from __future__ import annotations

import gzip
import hashlib
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
import trustme

from dayfile.model.credential import Scope
from tests.support.caddy import CADDYFILE, caddy, caddy_before
from tests.support.face import Face, Login, served_face
from tests.support.nginx import PEER, nginx_before, nginx_configuration, nginx_program, site_with
from tests.support.recorded_log import recorded_log
from tests.support.records import Sent, body_of

DAY = "2026-11-01"
# Beyond the bodies that nginx takes by default (1 MiB), and beyond what a proxy keeps of an answer.
TEXT = b"".join(hashlib.sha512(b"%d" % n).hexdigest().encode() + b"\n" for n in range(40_000))


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Face]:
    """An instance that believes the proxies."""
    folder = tmp_path_factory.mktemp("behind")
    with served_face(folder, trusted_proxies=PEER, max_body_bytes=64 << 20) as face:
        yield face


@pytest.fixture(scope="module")
def acme(behind: Face) -> Login:
    """An account with a file."""
    acme = behind.account()
    behind.seal(acme, DAY, TEXT)
    behind.publish(acme, DAY)
    return acme


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def proxied(
    request: pytest.FixtureRequest, behind: Face, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx2.Client]:
    """A client that reaches the instance through a proxy."""
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as closing:
        if request.param == "nginx":
            url = closing.enter_context(nginx_before(behind.url, objects=behind.storage.root, folder=folder))
            yield closing.enter_context(httpx2.Client(base_url=url, timeout=60))
        else:
            yield closing.enter_context(caddy_before(behind.url, folder=folder))


def test_a_large_batch_goes_in(behind: Face, acme: Login, proxied: httpx2.Client) -> None:
    """A body of 5 MB, compressed, of unknown length: five times what nginx takes as a rule."""
    key = behind.administration.create_key(account=None, scopes=[Scope.INTAKE])
    rows = body_of(
        Sent(account=acme.sid, name=str(n), created=f"{DAY}T10:00:00Z", updated=f"{DAY}T10:00:00Z", body=line.decode())
        for n, line in enumerate(TEXT.splitlines())
    )
    packed = gzip.compress(rows, compresslevel=1)
    assert len(packed) > 4 << 20
    answer = proxied.post(
        "/v1/Records/Messages",
        content=(packed[at : at + (1 << 16)] for at in range(0, len(packed), 1 << 16)),
        headers={"Content-Encoding": "gzip"},
        auth=(key.key.sid, key.secret),
    )
    assert answer.status_code == 200
    assert answer.json()["accepted"] == TEXT.count(b"\n")


def test_a_file_comes_out_whole_and_in_parts(behind: Face, acme: Login, proxied: httpx2.Client) -> None:
    """The same headers as without a proxy: its ETag and digest are what a download is resumed and checked by."""
    with behind.client(acme) as client:
        path = client.get(f"/v1/Exports/Messages/Days/{DAY}").headers["location"].removeprefix(behind.url)
    direct, whole = httpx2.get(behind.url + path), proxied.get(path)
    assert whole.content == direct.content
    for name in ("etag", "repr-digest", "content-type", "content-length", "accept-ranges", "content-disposition"):
        assert whole.headers.get(name) == direct.headers.get(name), name
    part = proxied.get(path, headers={"Range": "bytes=1000000-1999999", "If-Range": whole.headers["etag"]})
    assert part.status_code == 206
    assert part.content == direct.content[1_000_000:2_000_000]


def test_the_client_is_the_address_that_nginx_saw(behind: Face, tmp_path: Path) -> None:
    """It is in the log and the audit log, and nothing that a client writes into a header changes it."""
    with nginx_before(behind.url, objects=behind.storage.root, folder=tmp_path) as url, recorded_log() as log:
        answer = httpx2.get(url + "/v1/Exports", headers={"X-Forwarded-For": "203.0.113.7"})
        line = log.until(answer)[-1]
    assert line["client"] == "127.0.0.1"


def test_no_log_of_nginx_has_a_link_that_works(behind: Face, acme: Login, tmp_path: Path) -> None:
    """Logs are kept for weeks and read by many; whoever has a signed link has the file."""
    with behind.client(acme) as client:
        link = client.get(f"/v1/Exports/Messages/Days/{DAY}").headers["location"]
    path, _, query = link.removeprefix(behind.url).partition("?")
    with nginx_before(behind.url, objects=behind.storage.root, folder=tmp_path) as url:
        assert httpx2.get(f"{url}{path}?{query}").status_code == 200
        transport = httpx2.HTTPTransport(uds=str(tmp_path / "80.sock"))
        with httpx2.Client(transport=transport, base_url="http://exports.example.com") as without_tls:
            led = without_tls.get(f"{path}?{query}")
            assert (led.status_code, led.headers["location"]) == (308, f"https://exports.example.com{path}?{query}")
    # It has ended by now, and written what it had to.
    written = (tmp_path / "access.log").read_text(encoding="utf-8")
    assert [status for status in ("200", "308") if f'"GET {path} HTTP/1.1" {status}' not in written] == []
    assert query not in "".join(log.read_text(encoding="utf-8") for log in tmp_path.glob("*.log"))


def test_no_log_of_caddy_has_a_link_that_works(tmp_path: Path) -> None:
    """It logs what fails, with the address: downloads break off every day, and here nobody answers at all."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with caddy_before(url, folder=tmp_path) as client:
        assert client.get("/v1/Downloads/a-file?signature=secret").status_code == 502
    written = (tmp_path / "caddy.log").read_text(encoding="utf-8")
    assert "/v1/Downloads/a-file" in written
    assert "secret" not in written


def test_nginx_takes_the_file_with_a_certificate(tmp_path: Path) -> None:
    """`nginx -t` on all of it, TLS included."""
    certificate = trustme.CA().issue_cert("exports.example.com")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "both.pem"))
    site = site_with(
        {
            "/etc/ssl/exports.example.com.pem": str(tmp_path / "both.pem"),
            "/etc/ssl/private/exports.example.com.key": str(tmp_path / "both.pem"),
            "/var/log/nginx/access.log": str(tmp_path / "access.log"),
            "listen 80;": f"listen unix:{tmp_path}/80.sock;",
            "listen 443 ssl;": f"listen unix:{tmp_path}/443.sock ssl;",
        }
    )
    configuration = nginx_configuration(site, folder=tmp_path)
    command = [nginx_program(), "-t", "-p", str(tmp_path), "-c", str(configuration), "-e", str(tmp_path / "error.log")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


def test_caddy_takes_the_file_with_a_certificate_of_its_own_making(tmp_path: Path) -> None:
    """`caddy validate` on all of it, as it is."""
    with caddy("validate", "--config", str(CADDYFILE), folder=tmp_path) as process:
        _, told = process.communicate()
    assert process.returncode == 0, told
