"""Errors that Dayfile raises on purpose, named for what the caller can do about them.

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
    │   ├── EngineUnavailable   the machines that do heavy work do not answer, or cannot do it
    │   └── DatabaseUnavailable the state database does not answer or is busy
    │       ├── DatabaseUnwritable  its disk is full or read-only; it may be readable
    │       ├── DatabaseDamaged     its file is damaged: the operator must restore it
    │       ├── Undone              it undid the transaction, for another's sake or as it went away: run it again
    │       ├── Outdated            it was upgraded since this process began: stop the process
    │       └── Moved               its instance has moved to another place: stop the process
    ├── LostClaim               somebody else holds the work now: drop what you did
    ├── Corrupt                 stored bytes are not what their row says
    │   ├── DamagedRow          a row says what no Dayfile writes: the operator must set it right
    │   ├── DamagedObject       an object is missing, or is not what was written: the operator must restore it
    │   └── DamagedFile         the same for a sealed file, as its owner is told
    └── Unusable                this instance cannot start or go on: the operator must act
        └── Absent              there is none where the settings say

HTTP statuses are given to them in one place, `api/error_table.py`. Anything else that is raised is a bug.
"""

from __future__ import annotations


class DayfileError(Exception):
    """The root of Dayfile's errors: its text is safe to show to the caller and says what to do."""


class Invalid(DayfileError):
    """A request that breaks a rule; the same request will never work."""


class InvalidParameter(Invalid):
    """A parameter that breaks a rule."""

    def __init__(self, name: str, rule: str, value: object = None) -> None:
        shown = "" if value is None else f"; got {_shorten(value)}"
        super().__init__(f"{name} {rule}{shown}")
        self.name = name
        self.rule = rule


class InvalidRecord(Invalid):
    """A line that is not a record of its resource type: `field` (or None for the whole line) and `reason` say why.

    `of_type` names the resource type whose sids the line has, if that is another one. `is_object` is False if the line
    is not one JSON object.
    """

    def __init__(self, field: str | None, reason: str, *, of_type: str | None = None, is_object: bool = True) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason
        self.of_type = of_type
        self.is_object = is_object


class InvalidBody(Invalid):
    """A request body that cannot be read to its end (truncated gzip, not UTF-8 JSON, cut off); none of it was taken."""


class InvalidPageToken(Invalid):
    """A page token that this server did not give out."""


class Unauthorized(DayfileError):
    """Missing or unknown credentials."""


class Forbidden(DayfileError):
    """Known credentials that do not permit this."""


class AccountSuspended(Forbidden):
    """An account that exists and is not active."""


class NotFound(DayfileError):
    """A thing that does not exist, or that belongs to somebody else: the two look the same from outside."""


class Conflict(DayfileError):
    """A request that contradicts one that was accepted before."""


class InFlight(Conflict):
    """A request that is still being worked on; `retry_after` is in seconds."""

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooLarge(DayfileError):
    """A request over a documented limit of size."""


class TooManyRequests(DayfileError):
    """A request that was not looked at, since there are too many; `retry_after` is in seconds."""

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Transient(DayfileError):
    """A failure that may pass: worker, dispatcher and client try again alike."""

    retry_after = 5


class StorageUnavailable(Transient):
    """An object storage that did not do what it was asked: away, full or read-only."""


class EngineUnavailable(Transient):
    """Machines that did not do the heavy work that they were given: away, without workers, or not of this instance."""


class DatabaseUnavailable(Transient):
    """A state database that did not do what it was asked: away, locked for too long or full."""


class DatabaseUnwritable(DatabaseUnavailable):
    """A state database that cannot be written, or not even opened for it: its disk is full, read-only or failing."""


class DatabaseDamaged(DatabaseUnavailable):
    """A state database that is not as it was written; `found` says what is damaged. It works again once restored."""

    to_do = (
        "Stop every process of Dayfile and restore the database from its backup, or recover with `sqlite3 .recover` "
        "what can still be read; then run `dayfile check --deep`. docs/operations.md, “The database is damaged”, has "
        "the steps"
    )
    """Instructions for the operator; other readers of the message can only wait."""

    def __init__(self, found: str) -> None:
        super().__init__(f"the state database is damaged, and the operator of this server must restore it: {found}")
        self.found = found


class Undone(DatabaseUnavailable):
    """A transaction that was undone before its commit: nothing of it is left, and it may be run again at once."""


class Outdated(DatabaseUnavailable):
    """A state database that a newer Dayfile has upgraded, so that this process must not work on it any more."""

    def __init__(self, *, made_for: str, needed: str) -> None:
        super().__init__(
            f"this process is made for the schema {made_for}, and the state database needs {needed} by now: "
            "stop it, and start the version of Dayfile that has upgraded the database"
        )


class Moved(DatabaseUnavailable):
    """A state database that is closed, since its instance moves or has moved: nothing is written there any more."""


class LostClaim(DayfileError):
    """A lease on a unit of work that ran out and that somebody else has now: work done with it counts for nothing."""


class Corrupt(DayfileError):
    """Stored bytes that do not match the row that describes them."""


class DamagedRow(Corrupt):
    """A row of the state database that says what no Dayfile writes; `reason` names the row and says what it says."""

    to_do = (
        "The row was edited, or is damaged: restore the state database from its backup, or stop every process of "
        "Dayfile and set right what the row says. `dayfile check` names all such rows"
    )

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}. {self.to_do}")
        self.reason = reason


class DamagedObject(Corrupt):
    """An object of the storage, by its `key`, that is missing or not as written; `reason` says how it differs."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key} is damaged: {reason}")
        self.key = key
        self.reason = reason


class DamagedFile(Corrupt):
    """A damaged sealed file, in words for those who may download it."""

    def __init__(self, resource_type: str, day: str) -> None:
        super().__init__(
            f"The file of {resource_type} of {day} is damaged on this server. What is asked for is not sent, since it "
            "would be wrong; the operator of this server has to restore the file, and finds it in the log."
        )


class Unusable(DayfileError):
    """An instance that cannot start or go on as it is configured; the message tells the operator what to do."""


class Absent(Unusable):
    """An instance that does not exist where the settings say, for a command that does not create one."""


def _shorten(value: object, *, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"
