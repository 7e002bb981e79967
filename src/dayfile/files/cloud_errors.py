"""Errors of object stores: what each says, and what helps.

A store answers with a code; the same codes mean the same on all stores that speak S3. The message of an error may be
shown to a customer, so it names settings, and only its cause names the bucket and the host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from obstore.exceptions import AlreadyExistsError, BaseError, NotSupportedError

from dayfile.errors import NotFound, StorageUnavailable

_NO_BUCKET: Final = "there is no such bucket: create it, or name another one in DAYFILE_STORAGE_URL"
_WRONG_KEY: Final = (
    "the store does not know this key: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to one that works"
)
_WRONG_PAIR: Final = (
    "the secret does not belong to the key, or the store does not know the key: set AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY to a pair that works"
)
_EXPIRED: Final = "the token of the credentials has expired: renew AWS_SESSION_TOKEN, or give the machine a role"
_REGION: Final = "the bucket is in another region: set AWS_REGION to that of the bucket"
_CLOCK: Final = (
    "the clock of this machine and that of the store are more than 15 minutes apart: set the clock of this machine, "
    "with NTP for example"
)
_BUSY: Final = "the store is too busy or has a fault, and repeated requests failed, too: it will be asked again later"
_FULL: Final = "the store is full: raise its quota, or free space in it"
_LOCKED: Final = "the bucket locks its objects, so that they cannot be deleted: use a bucket without object lock"

_WHAT_TO_DO: Final = {
    "NoSuchBucket": _NO_BUCKET,
    "ContainerNotFound": _NO_BUCKET,
    "InvalidBucketName": _NO_BUCKET,
    "InvalidAccessKeyId": _WRONG_KEY,
    "SignatureDoesNotMatch": _WRONG_PAIR,
    "AuthenticationFailed": "the store does not accept the credentials: set AZURE_STORAGE_ACCOUNT_KEY to the right one",
    "InvalidToken": _EXPIRED,
    "ExpiredToken": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "PermanentRedirect": _REGION,
    "TemporaryRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "RequestTimeTooSkewed": _CLOCK,
    "RequestExpired": _CLOCK,
    "SlowDown": _BUSY,
    "ServiceUnavailable": _BUSY,
    "InternalError": _BUSY,
    "RequestTimeout": _BUSY,
    "TooManyRequests": _BUSY,
    "OperationAborted": _BUSY,
    "ConditionalRequestConflict": _BUSY,
    "QuotaExceeded": _FULL,
    "XMinioStorageFull": _FULL,
    "InsufficientCapacity": _FULL,
    "AccountProblem": "the account at the store has a problem: look at its bills and messages",
    "ObjectLocked": _LOCKED,
}
_IN_WORDS: Final = (
    ("without LOCATION", _REGION),
    (
        "169.254.169.254",
        "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role",
    ),
    ("169.254.170.2", "there are no credentials: the role of this container gives none"),
    ("ertificate", "the certificate of the store is not trusted: set DAYFILE_CA_FILE to the authority that signed it"),
    ("builder error", "the address of the store is no https:// URL: correct AWS_ENDPOINT_URL"),
    (
        "error sending request",
        "the store does not answer: see that AWS_ENDPOINT_URL is right and can be reached from here",
    ),
    ("operation timed out", "the store does not answer in time: see that it can be reached from here"),
    ("429 Too Many", _BUSY),
    ("503 Service", _BUSY),
    ("500 Internal", _BUSY),
)
_CODE: Final = re.compile(r"<Code>(\w+)</Code>|\(code: (\w+)\)")
_EXPECTED: Final = re.compile(r"<Region>([\w-]{1,40})</Region>")
_REFUSED: Final = re.compile(r"non-2xx status code: 4\d\d")
_STATUS: Final = re.compile(r"non-2xx status code: (\d{3} [A-Z][\w ]*)")

READ: Final = "s3:GetObject"
WRITE: Final = "s3:PutObject"
DELETE: Final = "s3:DeleteObject"
LIST: Final = "s3:ListBucket"


@contextmanager
def reported(doing: str, *, needs: str, key: str = "") -> Iterator[None]:
    """Raise NotFound, FileExistsError or StorageUnavailable for an error of the store, with what helps.

    `needs` is the permission for what is being done, `key` the object with which it is done, if it is one.
    """
    try:
        yield
    except AlreadyExistsError as error:
        raise FileExistsError(f"cannot {doing}: there is such an object") from error
    except FileNotFoundError as error:
        if code_of(error) in {None, "NoSuchKey", "BlobNotFound"}:
            raise NotFound(f"there is no object {key} in the storage") from error
        raise StorageUnavailable(f"cannot {doing}: {advice(error, needs=needs)}") from error
    except (BaseError, PermissionError) as error:
        raise StorageUnavailable(f"cannot {doing}: {advice(error, needs=needs)}") from error


def code_of(error: Exception) -> str | None:
    """Return the code with which the store has answered; None if it gave none."""
    found = _CODE.search(str(error))
    return (found[1] or found[2]) if found else None


def is_beyond(error: Exception) -> bool:
    """Return True if the store says that the object has no such bytes."""
    return "status code: 416" in str(error) or code_of(error) == "InvalidRange"


def is_not_implemented(error: Exception) -> bool:
    """Return True if the store cannot do what it was asked, whoever asks."""
    return (
        isinstance(error, NotSupportedError) or code_of(error) == "NotImplemented" or "status code: 501" in str(error)
    )


def is_unexplained(error: Exception) -> bool:
    """Return True if the store has refused something and has not said why."""
    return code_of(error) is None and bool(_REFUSED.search(str(error)))


def advice(error: Exception, *, needs: str) -> str:
    """Return why something failed and what helps, without bucket and host."""
    text, code = str(error), code_of(error)
    region = _EXPECTED.search(text)
    if code in _WHAT_TO_DO:
        told = _WHAT_TO_DO[code]
        return f"{told}, {region[1]}" if told is _REGION and region else told
    if code in {"AccessDenied", "AllAccessDisabled", "AuthorizationPermissionMismatch"} or "403 Forbidden" in text:
        return (
            f"the store does not permit it: allow {needs} on the bucket to the key in AWS_ACCESS_KEY_ID, or to the role"
        )
    for words, told in _IN_WORDS:
        if words in text:
            return told
    status = _STATUS.search(text)
    answered = " ".join(filter(None, (status and status[1].strip(), code)))
    return f"the store answers {answered}" if answered else "the store failed, and does not say why"
