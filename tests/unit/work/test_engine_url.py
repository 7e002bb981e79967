"""URLs of engines: the forms that there are, and the clusters that are refused."""

from __future__ import annotations

import sys

import pytest

from dayfile.errors import Unusable
from dayfile.settings import Settings
from dayfile.work.engine import open_cluster
from dayfile.work.engine_url import EngineUrl
from tests.support.clock import FakeClock


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("local", None),
        ("dask+tls://scheduler.example.com:8786", "tls://scheduler.example.com:8786"),
        ("dask+tls://[2001:db8::1]:8786", "tls://[2001:db8::1]:8786"),
        ("dask://127.0.0.1:8786", "tcp://127.0.0.1:8786"),
        ("dask://[::1]:8786", "tcp://[::1]:8786"),
        ("dask://localhost:8786", "tcp://localhost:8786"),
    ],
)
def test_a_url_names_this_process_or_a_scheduler(text: str, address: str | None) -> None:
    """The form of the address is Dask's own."""
    assert EngineUrl.parse(text).address == address


@pytest.mark.parametrize("host", ["10.0.0.7", "scheduler", "localhost.example.com", "[2001:db8::1]", "0.0.0.0"])  # noqa: S104 - refused
def test_a_scheduler_beyond_this_machine_needs_tls(host: str) -> None:
    """Anybody who reaches its port would have their code executed beside the records of everybody."""
    with pytest.raises(Unusable, match="executes the code of anybody who reaches its port"):
        EngineUrl.parse(f"dask://{host}:8786")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Local",
        "dask",
        "dask+tls://",
        "dask+tls://host",
        "dask+tls://host:x",
        "dask+tls://host:8786/path",
        "ray://h:1",
        "dask+tls://user@host:8786",
        "dask+tls://host:99999",
        "tls://host:8786",
        "dask+tls://host:8786?a=b",
        "dask+tls://[2001:db8::1:8786",
    ],
)
def test_anything_else_is_refused_with_the_forms(text: str) -> None:
    """A typing error is told at the start, and not at the first seal of the night."""
    with pytest.raises(Unusable, match=r"must be local or dask\+tls://HOST:PORT"):
        EngineUrl.parse(text)


def test_the_setting_is_refused_by_name() -> None:
    """All problems of settings are told together, each with its name."""
    with pytest.raises(Unusable, match="DAYFILE_ENGINE: must be dask\\+tls"):
        Settings.read(_env_file=None, engine="dask://10.0.0.7:8786")
    assert Settings.read(_env_file=None).engine_url.address is None


def test_an_installation_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most have one machine, and none of Dask's packages."""
    monkeypatch.setitem(sys.modules, "dayfile.work.dask_cluster", None)
    url = EngineUrl.parse("dask://127.0.0.1:8786")
    with pytest.raises(Unusable, match=r"run `pip install 'dayfile\[dask\]'`"):
        open_cluster(url, None, execute=lambda *_: b"", clock=FakeClock())
    assert open_cluster(EngineUrl.parse("local"), None, execute=lambda *_: b"", clock=FakeClock()) is None
