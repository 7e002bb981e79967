"""A real nginx in front of a server, with the file that operators get."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

PEER = "127.0.0.2"
"""The address from which nginx connects, unlike that of others on this machine."""

SITE = Path(__file__).parents[2] / "deploy" / "nginx" / "dayfile.conf"


@contextmanager
def nginx_before(url: str, *, objects: Path, folder: Path) -> Iterator[str]:
    """Run nginx in front of a server; its address. Skips the test where there is no nginx."""
    program = nginx_program()
    # Listened on before nginx starts, which takes the socket over: whoever connects is only kept waiting.
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port, given = listening.getsockname()[1], listening.fileno()
        site = site_with(
            {
                "    ssl_certificate /etc/ssl/exports.example.com.pem;\n": "",
                "    ssl_certificate_key /etc/ssl/private/exports.example.com.key;\n": "",
                "listen 80;": f"listen unix:{folder}/80.sock;",
                "listen 443 ssl;": f"listen 127.0.0.1:{port};",
                "server 127.0.0.1:8080;": f"server {urlsplit(url).netloc};",
                "proxy_pass http://dayfile;": f"proxy_pass http://dayfile; proxy_bind {PEER};",
                "alias /var/lib/dayfile/objects/;": f"alias {objects}/;",
                "/var/log/nginx/access.log": f"{folder}/access.log",
            }
        )
        configuration = nginx_configuration(site, folder=folder)
        command = [program, "-p", str(folder), "-c", str(configuration), "-e", str(folder / "error.log")]
        environment = os.environ | {"NGINX": f"{given};"}
        with subprocess.Popen(command, pass_fds=[given], env=environment) as process:
            try:
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()


def nginx_program() -> str:
    """Return the program; skips the test where there is none."""
    program = shutil.which("nginx")
    if program is None:
        pytest.skip("there is no nginx here")
    return program


def site_with(changes: dict[str, str]) -> str:
    """Return the file of the site with what must differ on this machine; each change has its place there."""
    site = SITE.read_text(encoding="utf-8")
    for former, new in changes.items():
        assert former in site, former
        site = site.replace(former, new)
    return site


def nginx_configuration(site: str, *, folder: Path) -> Path:
    """Write a configuration of nginx that has this site and touches nothing but the folder."""
    user = "user root;" if os.getuid() == 0 else ""  # the objects are open to this user only
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "site.conf").write_text(site, encoding="utf-8")
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"{user} daemon off; worker_processes 1; pid {folder}/nginx.pid; events {{ }}"
        # As most systems have it: a log of everything, for sites that do not say otherwise.
        f"http {{ access_log {folder}/all.log; {temporary} include {folder}/site.conf; }}",
        encoding="utf-8",
    )
    return configuration
