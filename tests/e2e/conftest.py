"""The server that records are sent to, for the stories that need one of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.intake_server import Server, served


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of a module that need no other settings."""
    with served(tmp_path_factory.mktemp("server")) as server:
        yield server
