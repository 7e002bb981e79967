"""A real Caddy in front of a server, with the file that operators get."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

CADDYFILE = Path(__file__).parents[2] / "deploy" / "caddy" / "Caddyfile"


def caddy(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    """Start Caddy, which keeps everything in the folder; skips the test where there is none."""
    program = shutil.which("caddy")
    if program is None:
        pytest.skip("there is no Caddy here")
    environment = os.environ | {name: str(folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    return subprocess.Popen(
        [program, *arguments], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


@contextmanager
def caddy_before(url: str, *, folder: Path) -> Iterator[httpx2.Client]:
    """Run Caddy in front of a server; a client of it. In the end, its log is in the folder."""
    text = CADDYFILE.read_text(encoding="utf-8")
    assert text.count("exports.example.com {") == 1
    socket_file = folder / "caddy.sock"
    text = text.replace("exports.example.com {", f"http://exports.example.com {{\n\tbind unix/{socket_file}")
    text = text.replace("127.0.0.1:8080", urlsplit(url).netloc).replace("{\n\tlog", "{\n\tadmin off\n\tlog", 1)
    (folder / "Caddyfile").write_text(text, encoding="utf-8")
    with caddy("run", "--config", str(folder / "Caddyfile"), folder=folder) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if "serving initial configuration" in line:
                    break
            else:
                pytest.fail("Caddy ended")
            transport = httpx2.HTTPTransport(uds=str(socket_file))
            with httpx2.Client(transport=transport, base_url="http://exports.example.com", timeout=60) as client:
                yield client
        finally:
            process.terminate()
            (folder / "caddy.log").write_text(process.stderr.read(), encoding="utf-8")
