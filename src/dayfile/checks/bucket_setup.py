"""The setup of a bucket, as far as its store tells: what costs money, or keeps what Dayfile has deleted.

Asked in S3's own requests, for which the library for objects has no calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from dayfile.checks.storage_trial import Result, Verdict

Ask = Callable[[str], tuple[int, bytes]]
"""A function that asks for one part of the setup, by the name that S3 gives it, and returns the status and the body."""

_DONE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    name: str
    asked_as: str
    root: bytes  # of the answer; a store that does not know the question may answer another one
    absent: bytes  # the code of a store that has no such setup for this bucket
    mark: bytes  # in the setup that has it
    is_wanted: bool
    good: str
    bad: str


_PARTS: Final = (
    _Part(
        name="versioning",
        asked_as="versioning",
        root=b"VersioningConfiguration",
        absent=b"",
        mark=b"<Status>Enabled</Status>",
        is_wanted=False,
        good="off: what is deleted is gone",
        bad="on: what Dayfile deletes stays, and is billed. Switch it off, or expire old versions by a lifecycle rule",
    ),
    _Part(
        name="object lock",
        asked_as="object-lock",
        root=b"ObjectLockConfiguration",
        absent=b"ObjectLockConfigurationNotFoundError",
        mark=b"<ObjectLockEnabled>Enabled</ObjectLockEnabled>",
        is_wanted=False,
        good="off: objects can be deleted",
        bad="on: what must be deleted may not be. Use a bucket without it",
    ),
    _Part(
        name="unfinished uploads",
        asked_as="lifecycle",
        root=b"LifecycleConfiguration",
        absent=b"NoSuchLifecycleConfiguration",
        mark=b"<AbortIncompleteMultipartUpload>",
        is_wanted=True,
        good="removed by a lifecycle rule",
        bad="stay and are billed: add a lifecycle rule that aborts incomplete multipart uploads after some days",
    ),
    _Part(
        name="encryption",
        asked_as="encryption",
        root=b"ServerSideEncryptionConfiguration",
        absent=b"ServerSideEncryptionConfigurationNotFoundError",
        mark=b"<SSEAlgorithm>",
        is_wanted=True,
        good="on by default",
        bad="not on by default: switch on the default encryption of the bucket",
    ),
)


def setup_of(ask: Ask | None) -> Iterator[Result]:
    """Yield what there is to say about each part of a bucket's setup; without `ask` none of it can be told."""
    for part in _PARTS:
        if ask is None:
            text = "cannot be told: that takes AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, for a bucket of S3"
            yield Result(name=part.name, verdict=Verdict.UNKNOWN, text=text)
        else:
            yield _of(part, *ask(part.asked_as))


def _of(part: _Part, status: int, body: bytes) -> Result:
    is_absent = bool(part.absent) and part.absent in body
    if not is_absent and not (status == _DONE and part.root in body):
        why = "does not know the question" if status == _DONE else f"answers {status}"
        return Result(name=part.name, verdict=Verdict.UNKNOWN, text=f"cannot be told: the store {why}")
    if (part.mark in body) is part.is_wanted:
        return Result(name=part.name, verdict=Verdict.OK, text=part.good)
    return Result(name=part.name, verdict=Verdict.WARNING, text=part.bad)
