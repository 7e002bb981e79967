"""Twilio's face for the stories that are told through it; a module with a face of its own says so."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from tests.support.face import Face, Login, served_face


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Face]:
    """One instance for all tests of a module that leave its clock alone."""
    with served_face(tmp_path_factory.mktemp("face")) as face:
        yield face


@pytest.fixture
def acme(face: Face) -> Login:
    """An account that nobody else uses."""
    return face.account()


@pytest.fixture
def client(face: Face, acme: Login) -> Iterator[httpx2.Client]:
    """Its HTTP client."""
    with face.client(acme) as client:
        yield client
