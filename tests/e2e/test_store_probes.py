"""Health checks and pages where the objects are in a bucket: they are asked all day, and each request is billed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from dayfile.console.page import console_page
from dayfile.objects.layout import LASTING_PROBE
from dayfile.objects.storage_probe import REMOTE_FRESH_FOR_SECONDS
from tests.support.failing_proxy import FailingProxy, failing_proxy
from tests.support.records import Sent
from tests.support.server import serving
from tests.support.state import an_account
from tests.support.swift import Bucket
from tests.support.world import World


@pytest.fixture
def proxy(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[FailingProxy]:
    """A proxy that counts the requests to the bucket."""
    with failing_proxy(bucket.endpoint) as proxy:
        for name, value in bucket.environment(endpoint=proxy.url).items():
            monkeypatch.setenv(name, value)
        yield proxy


@pytest.fixture
def world(tmp_path: Path, bucket: Bucket, proxy: FailingProxy) -> Iterator[World]:
    """An instance whose objects are in the bucket."""
    world = World(tmp_path, storage=bucket.url)
    yield world
    world.close()


@pytest.fixture
def url(world: World) -> Iterator[str]:
    """Its server, with the page."""
    context = world.service.context
    with serving(lambda _: world.service.api(pages=console_page(context))) as url:
        yield url


def look(url: str) -> list[int]:
    """Ask what supervisors, balancers and people ask."""
    return [httpx2.get(f"{url}{path}", trust_env=False).status_code for path in ("/readyz", "/", "/readyz?verbose")]


def test_however_often_they_look_the_store_is_asked_for_one_object_now_and_then(
    url: str, world: World, proxy: FailingProxy
) -> None:
    """No list and no put for a view: stores charge most for those."""
    assert look(url) == [200, 200, 200]
    assert proxy.count("PUT") == 1
    begun = len(proxy.asked)
    assert look(url) + look(url) == [200] * 6
    assert len(proxy.asked) == begun
    world.clock.pass_by(timedelta(seconds=REMOTE_FRESH_FOR_SECONDS))
    assert look(url) + look(url) == [200] * 6
    assert [asked.partition("/")[0] for asked in proxy.asked[begun:]] == ["HEAD "]


def test_a_store_that_is_away_is_told_at_once(url: str, world: World, proxy: FailingProxy) -> None:
    """A probe does not wait for a minute of repeats, and neither does the next."""
    look(url)
    world.clock.pass_by(timedelta(seconds=REMOTE_FRESH_FOR_SECONDS))
    proxy.fails("HEAD", times=1000, status=503)
    begun = len(proxy.asked)
    assert look(url) == [503, 200, 503]
    assert "the store is too busy" in httpx2.get(f"{url}/readyz", trust_env=False).json()["message"]
    assert len(proxy.asked) == begun + 1


def test_the_scrub_looks_at_an_object_when_it_is_to_be_read_again(
    tmp_path: Path, bucket: Bucket, proxy: FailingProxy
) -> None:
    """It walks over all of them each hour; a look at each would be a question an hour for every file there is."""
    (tmp_path / "scrubbed").mkdir()
    world = World(tmp_path / "scrubbed", storage=bucket.url, scrub_days=7)
    acme, at = an_account(world.database, "acme").sid, "2026-11-01T10:00:00Z"
    world.accept([Sent(account=acme, name="m", created=at, updated=at, body="m")])
    world.seal("2026-11-01")

    def asked_in(passed: timedelta) -> int:
        begun = len(proxy.asked)
        world.clock.pass_by(passed)
        for _ in range(30):
            world.clock.pass_by(timedelta(seconds=1))
            world.scrub.step()
        return len(proxy.asked) - begun

    assert asked_in(timedelta()) > 0
    assert asked_in(timedelta(hours=2)) == 0
    assert asked_in(timedelta(days=8)) > 0
    world.close()


def test_the_object_that_is_asked_for_is_never_swept(url: str, world: World) -> None:
    """Else it would be put again every day, by each process."""
    look(url)
    for _ in range(3):
        world.work()
        world.clock.pass_by(timedelta(days=1, hours=1))
    world.work()
    assert LASTING_PROBE in world.stored_keys()
