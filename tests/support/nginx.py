"""A real nginx in front of a server, configured as the documents say."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PEER = "127.0.0.2"
"""The address from which nginx connects, unlike that of others on this machine."""

_OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
_LOCATION = re.compile(r"    location /objects/ \{\n.*?\n    \}\n", re.DOTALL)


@contextmanager
def nginx_before(url: str, *, objects: Path, folder: Path) -> Iterator[str]:
    """Run nginx in front of a server; its address. Skips the test where there is no nginx."""
    program = shutil.which("nginx")
    if program is None:
        pytest.skip("there is no nginx here")
    # Listened on before nginx starts, which takes the socket over: whoever connects is only kept waiting.
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port, given = listening.getsockname()[1], listening.fileno()
        configuration = folder / "nginx.conf"
        configuration.write_text(_configuration(url, objects=objects, folder=folder, port=port))
        command = [program, "-p", str(folder), "-c", str(configuration), "-e", str(folder / "error.log")]
        environment = os.environ | {"NGINX": f"{given};"}
        with subprocess.Popen(command, pass_fds=[given], env=environment) as process:
            try:
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()


def _configuration(url: str, *, objects: Path, folder: Path, port: int) -> str:
    location = _LOCATION.search(_OPERATIONS.read_text(encoding="utf-8"))
    assert location is not None
    own = re.sub(r"alias [^;]+;", f"alias {objects}/;", location[0])
    user = "user root;" if os.getuid() == 0 else ""  # the objects are open to this user only
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""
        {user} daemon off; worker_processes 1; pid {folder}/nginx.pid;
        events {{ }}
        http {{
            access_log off; {temporary}
            server {{
                listen 127.0.0.1:{port};
                location / {{
                    proxy_pass {url};
                    proxy_bind {PEER};
                    proxy_http_version 1.1;
                    proxy_set_header Host $host;
                    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                }}
                {own}
            }}
        }}
    """
