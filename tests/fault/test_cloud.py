"""An object store that fails in every way that stores and networks do: what is stored is stored, once and whole."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from dayfile.errors import NotFound, StorageUnavailable
from dayfile.files import cloud_storage as cloud_storage_module
from dayfile.files.cloud_storage import PART_BYTES, CloudStorage
from tests.support.cloud import HASTY, cloud_storage
from tests.support.failing_proxy import FailingProxy, failing_proxy
from tests.support.swift import LISTED_AT_ONCE, READER, Bucket

LARGE = bytes(range(256)) * (2 * PART_BYTES // 256) + b"the end"


@pytest.fixture
def proxy(bucket: Bucket) -> Iterator[FailingProxy]:
    """A proxy between the storage and the store."""
    with failing_proxy(bucket.endpoint) as proxy:
        yield proxy


@pytest.fixture
def storage(bucket: Bucket, proxy: FailingProxy, monkeypatch: pytest.MonkeyPatch) -> CloudStorage:
    """A storage that asks through the proxy."""
    return cloud_storage(bucket, monkeypatch, endpoint=proxy.url)


def in_chunks(data: bytes) -> Iterator[bytes]:
    """The bytes in chunks that fit no part."""
    step = 5_000_000
    return (data[at : at + step] for at in range(0, len(data), step))


def contents(storage: CloudStorage, key: str) -> bytes:
    """All bytes of an object."""
    return b"".join(storage.read(key))


@pytest.mark.parametrize(
    "how",
    [{"status": 503}, {"status": 429}, {"status": 500, "code": "InternalError"}, {"unheard": True}],
    ids=["busy", "throttled", "broken", "cut off"],
)
def test_what_may_pass_is_repeated(storage: CloudStorage, proxy: FailingProxy, how: dict[str, object]) -> None:
    """A store under load says so and means: again, later. Nobody's batch fails for it."""
    for pattern in ("PUT", "GET .*/a", "HEAD", "GET .*list-type", "POST .*delete"):
        proxy.fails(pattern, times=2, **how)
    storage.put("a", [b"bytes"])
    assert contents(storage, "a") == b"bytes"
    assert storage.size("a") == 5
    assert list(storage.scan("")) == ["a"]
    storage.delete(["a"])
    assert list(storage.scan("")) == []
    assert [fault.times for fault in proxy.faults] == [0] * 5


def test_what_does_not_pass_is_given_up_after_bounded_repeats(storage: CloudStorage, proxy: FailingProxy) -> None:
    """A caller that waits is told; a worker that hangs for ever is worse than one that tries again in a minute."""
    proxy.fails("PUT", times=1000, status=503)
    with pytest.raises(StorageUnavailable, match="cannot write a: the store is too busy"):
        storage.put("a", [b"bytes"])
    assert proxy.count("PUT") == 1 + HASTY.times


def test_a_put_whose_answer_is_lost_meets_its_own_object(storage: CloudStorage, proxy: FailingProxy) -> None:
    """It was done: repeated, it would find its key taken, and the batch would be refused for nothing."""
    proxy.fails("PUT", unanswered=True)
    assert storage.put("a", [b"bytes"]) == 5
    assert proxy.count("PUT") == 2
    assert contents(storage, "a") == b"bytes"


def test_a_put_that_meets_another_object_is_refused_however_often_it_was_repeated(
    storage: CloudStorage, proxy: FailingProxy
) -> None:
    """Two writers of one key are a bug of somebody's, and the first one's bytes stay."""
    storage.put("a", [b"first"])
    proxy.fails("PUT", unheard=True)
    with pytest.raises(FileExistsError):
        storage.put("a", [b"other"])
    assert contents(storage, "a") == b"first"


def test_a_store_without_conditions_is_asked_before_each_put(storage: CloudStorage, proxy: FailingProxy) -> None:
    """Some stores cannot create an object unless it is there; the marks in keys are what no key is given twice for."""
    proxy.fails("PUT", times=1 + HASTY.times, status=501, code="NotImplemented")
    storage.put("a", [b"first"])
    with pytest.raises(FileExistsError):
        storage.put("a", [b"other"])
    assert contents(storage, "a") == b"first"


@pytest.mark.parametrize("pattern", [r"POST .*\?uploads", "partNumber=2", r"POST .*uploadId"])
@pytest.mark.parametrize("how", [{"status": 503}, {"unheard": True}], ids=["busy", "cut off"])
def test_a_large_object_is_put_in_parts_each_repeated(
    storage: CloudStorage, proxy: FailingProxy, *, bucket: Bucket, pattern: str, how: dict[str, object]
) -> None:
    """Twenty gigabytes are not sent again for one lost part."""
    proxy.fails(pattern, times=2, **how)
    assert storage.put("large", in_chunks(LARGE)) == len(LARGE)
    assert contents(storage, "large") == LARGE
    assert proxy.count("partNumber=1") == 1
    assert bucket.unfinished() == 0


def test_a_large_object_whose_last_answer_is_lost_is_there(storage: CloudStorage, proxy: FailingProxy) -> None:
    """The parts are put together once, whoever has heard of it."""
    proxy.fails(r"POST .*uploadId", unanswered=True)
    assert storage.put("large", in_chunks(LARGE)) == len(LARGE)
    assert contents(storage, "large") == LARGE


def test_parts_are_given_up_when_the_store_takes_no_more(
    storage: CloudStorage, proxy: FailingProxy, bucket: Bucket
) -> None:
    """They cost money, and no list shows them."""
    proxy.fails("partNumber=3", times=1000, status=503)
    with pytest.raises(StorageUnavailable, match="cannot write large: the store is too busy"):
        storage.put("large", in_chunks(LARGE))
    assert bucket.unfinished() == 0
    with pytest.raises(NotFound):
        storage.size("large")


def test_parts_are_given_up_when_the_source_fails(storage: CloudStorage, bucket: Bucket) -> None:
    """A seal that is stopped half-way leaves nothing, and hears its own error."""

    def source() -> Iterator[bytes]:
        yield from in_chunks(LARGE)
        raise EndedEarly

    with pytest.raises(EndedEarly):
        storage.put("large", source())
    assert bucket.unfinished() == 0
    assert bucket.objects() == 0


class EndedEarly(BaseException):
    """An exception that stops a source and is no error."""


def test_a_large_key_is_given_once(storage: CloudStorage) -> None:
    """No store can promise it for parts; what is there a moment before is seen."""
    storage.put("large", [b"first"])
    with pytest.raises(FileExistsError):
        storage.put("large", in_chunks(LARGE))
    assert contents(storage, "large") == b"first"


def test_a_read_that_is_cut_off_goes_on_where_it_was(storage: CloudStorage, proxy: FailingProxy) -> None:
    """A connection lives for minutes, a download of a large file longer. Not a byte is missing or there twice."""
    storage.put("large", in_chunks(LARGE))
    proxy.fails("GET .*large", times=2, cut_at=3_000_000)
    assert contents(storage, "large") == LARGE
    proxy.fails("GET .*large", times=2, cut_at=1_000_000)
    assert b"".join(storage.read("large", start=100, stop=9_000_100)) == LARGE[100:9_000_100]


def test_a_read_that_is_cut_off_for_good_is_an_error(storage: CloudStorage, proxy: FailingProxy) -> None:
    """Half a file must not look like a file."""
    storage.put("large", in_chunks(LARGE))
    proxy.fails("GET .*large", times=1000, cut_at=1_000)
    with pytest.raises(StorageUnavailable, match="cannot read large"):
        contents(storage, "large")


def test_many_small_objects_go_side_by_side(storage: CloudStorage, proxy: FailingProxy) -> None:
    """A store takes tens of milliseconds for each: a day of a thousand small files must not take their sum."""
    go_on = threading.Event()
    for number in range(8):
        proxy.fails(f"PUT .*/a/{number}$", wait_for=go_on)
    stored = threading.Thread(target=lambda: storage.put_many((f"a/{number}", b"x") for number in range(8)))
    stored.start()
    for number in range(8):
        assert proxy.seen(f"PUT .*/a/{number}$")  # all of them are under way before one is answered
    go_on.set()
    stored.join()
    assert len(list(storage.scan("a/"))) == 8


def test_one_of_many_that_fails_is_told(storage: CloudStorage, proxy: FailingProxy) -> None:
    """The answer to the caller decides whether rows are written for all of them."""
    proxy.fails("PUT .*/a/3$", times=1000, status=403, code="AccessDenied")
    with pytest.raises(StorageUnavailable, match="s3:PutObject"):
        storage.put_many((f"a/{number}", b"x") for number in range(8))


def test_lists_and_deletions_go_by_the_page(
    storage: CloudStorage, proxy: FailingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request for each of a million objects costs hours, and money."""
    keys = [f"a/{number:04}" for number in range(LISTED_AT_ONCE + 5)]
    storage.put_many((key, b"") for key in keys)
    assert list(storage.scan("a/")) == keys
    assert proxy.count("list-type") == 2
    assert next(iter(storage.listed("a/", after=keys[-2]))).key == keys[-1]
    assert proxy.count("list-type") == 3
    monkeypatch.setattr(cloud_storage_module, "_KEYS_AT_ONCE", len(keys) - 1)
    storage.delete(keys)
    assert proxy.count(r"POST .*\?delete") == 2
    assert list(storage.scan("")) == []


def test_it_can_be_sent_to_another_process_without_its_credentials(storage: CloudStorage) -> None:
    """A worker on another machine has credentials of its own, and a queue between them is no place for these."""
    storage.put("a", [b"bytes"])
    sent = pickle.dumps(storage)
    assert b"testing" not in sent
    assert contents(pickle.loads(sent), "a") == b"bytes"  # noqa: S301 - our own


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "AWS_SECRET_ACCESS_KEY to a pair that works"),
        ({"AWS_REGION": "eu-west-1"}, "set AWS_REGION to that of the bucket, us-east-1"),
        (READER, "does not permit it: allow s3:"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "AWS_ENDPOINT_URL is right"),
        ({"bucket": "nowhere"}, "there is no such bucket: create it, or name another one in DAYFILE_STORAGE_URL"),
    ],
    ids=["secret", "region", "permission", "endpoint", "bucket"],
)
def test_what_is_set_up_wrongly_is_told_whatever_is_done(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], told: str
) -> None:
    """The first hour of an operator: each message says which setting it is, and none takes the bucket for empty."""
    named = replace(bucket, name=changed.get("bucket", bucket.name))
    environment = named.environment() | changed
    monkeypatch.setattr(Bucket, "environment", lambda _, **__: environment)
    storage = cloud_storage(named, monkeypatch)
    for do in (
        lambda: storage.put("a", [b"x"]),
        lambda: storage.put("a", in_chunks(LARGE)),
        lambda: storage.put_many([("a", b"x"), ("b", b"x")]),
        lambda: storage.read("a"),
        lambda: storage.size("a"),
        lambda: storage.state("a"),
        lambda: list(storage.scan("")),
        lambda: storage.delete(["a"]),
    ):
        with pytest.raises(StorageUnavailable, match=told):
            do()


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (403, "RequestTimeTooSkewed", "more than 15 minutes apart"),
        (403, "InvalidAccessKeyId", "does not know this key"),
        (400, "ExpiredToken", "AWS_SESSION_TOKEN"),
        (301, "PermanentRedirect", "AWS_REGION"),
        (507, "QuotaExceeded", "raise its quota"),
        (418, "Teapot", "the store answers 418 .*Teapot"),
    ],
)
def test_other_answers_are_told_in_words(
    storage: CloudStorage, proxy: FailingProxy, *, status: int, code: str, told: str
) -> None:
    """Other stores say what this one cannot be brought to say."""
    proxy.fails("GET|PUT|HEAD", times=1000, status=status, code=code)
    for do in (lambda: storage.read("a"), lambda: storage.put("a", [b"x"]), lambda: list(storage.scan(""))):
        with pytest.raises(StorageUnavailable, match=told):
            do()
