"""Every error that Dayfile raises on purpose, named for what the caller can do about it.

    DayfileError
    ├── Invalid                 change the request, then send it again
    │   ├── InvalidParameter    one named parameter breaks one named rule
    │   ├── InvalidRecord       one line is not a record of its type
    │   ├── InvalidBody         the request body as a whole cannot be read
    │   └── InvalidPageToken    a page token that this server did not give
    ├── Unauthorized            send credentials that are known here
    ├── Forbidden               these credentials may not do this
    │   └── AccountSuspended    the account is not active
    ├── NotFound                there is no such thing, or not for you
    ├── Conflict                it contradicts what is there: a key used before, an account that is closed
    │   └── InFlight            the same request is being worked on right now
    ├── TooLarge                send it in smaller parts
    ├── TooManyRequests         wait, then send it again
    ├── Transient               nothing is wrong with the request: try again later
    │   ├── StorageUnavailable  the object storage does not answer or is full
    │   └── DatabaseUnavailable the state database does not answer or is busy
    │       ├── DatabaseUnwritable  its disk is full or read-only; it may be readable
    │       └── DatabaseDamaged     its file is damaged: the operator must restore it
    ├── LostClaim               somebody else holds the work now: drop what you did
    ├── Corrupt                 stored bytes are not what their row says
    │   ├── DamagedObject       an object is missing, or is not what was written: the operator must restore it
    │   └── DamagedFile         the same of a sealed file, as its owner is told
    └── Unusable                this instance cannot start or go on: the operator must act
        └── Absent              there is none where the settings say

HTTP statuses are given to them in one place, `api/meanings.py`. Anything else that is raised is a bug.
"""

from __future__ import annotations


class DayfileError(Exception):
    """The root: its text is safe to show to the caller and says what to do."""


class Invalid(DayfileError):
    """The request breaks a rule; the same request will never work."""


class InvalidParameter(Invalid):
    """One parameter breaks one rule."""

    def __init__(self, name: str, rule: str, value: object = None) -> None:
        shown = "" if value is None else f"; got {_shorten(value)}"
        super().__init__(f"{name} {rule}{shown}")
        self.name = name
        self.rule = rule


class InvalidRecord(Invalid):
    """One line is not a record of its resource type: `field` (or None for the whole line) and `reason` say why."""

    def __init__(self, field: str | None, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason


class InvalidBody(Invalid):
    """The request body cannot be read to its end (truncated gzip, not UTF-8 JSON, cut off); nothing of it was taken."""


class InvalidPageToken(Invalid):
    """A page token that this server did not give out."""


class Unauthorized(DayfileError):
    """Missing or unknown credentials."""


class Forbidden(DayfileError):
    """The credentials are known and do not reach this far."""


class AccountSuspended(Forbidden):
    """The account exists and is not active."""


class NotFound(DayfileError):
    """There is no such thing, or it belongs to somebody else: the two look the same from outside."""


class Conflict(DayfileError):
    """The request contradicts one that was accepted before."""


class InFlight(Conflict):
    """The same request is still being worked on; `retry_after` is in seconds."""

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooLarge(DayfileError):
    """The request is over a documented limit of size."""


class TooManyRequests(DayfileError):
    """The request was not looked at; `retry_after` is in seconds."""

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Transient(DayfileError):
    """Worth trying again: worker, dispatcher and client alike."""

    retry_after = 5


class StorageUnavailable(Transient):
    """The object storage did not do what it was asked: away, full or read-only."""


class DatabaseUnavailable(Transient):
    """The state database did not do what it was asked: away, locked for too long or full."""


class DatabaseUnwritable(DatabaseUnavailable):
    """The state database cannot be written, or not even opened for it: its disk is full, read-only or failing."""


class DatabaseDamaged(DatabaseUnavailable):
    """The state database is not what was written into it; `found` says in what. It works again once it is restored."""

    to_do = (
        "Stop every process of Dayfile and restore the database from its backup, or recover with `sqlite3 .recover` "
        "what can still be read; then run `dayfile check --deep`. docs/operations.md, “The database is damaged”, has "
        "the steps"
    )
    """What the operator should do; whoever else reads the message can only wait."""

    def __init__(self, found: str) -> None:
        super().__init__(f"the state database is damaged, and the operator of this server must restore it: {found}")
        self.found = found


class LostClaim(DayfileError):
    """The lease on a unit of work ran out and somebody else has it: what was done with it counts for nothing."""


class Corrupt(DayfileError):
    """Stored bytes do not match the row that describes them."""


class DamagedObject(Corrupt):
    """An object of the storage is missing, or is not what was written: `key` is which, `reason` says how it differs."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key} is damaged: {reason}")
        self.key = key
        self.reason = reason


class DamagedFile(Corrupt):
    """A sealed file is damaged, in words for whoever may download it."""

    def __init__(self, resource_type: str, day: str) -> None:
        super().__init__(
            f"The file of {resource_type} of {day} is damaged on this server. What is asked for is not sent, since it "
            "would be wrong; the operator of this server has to restore the file, and finds it in the log."
        )


class Unusable(DayfileError):
    """The instance cannot start or go on as it is configured; the message tells the operator what to do."""


class Absent(Unusable):
    """There is no instance where the settings say, and what was asked for makes none."""


def _shorten(value: object, *, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"
