"""The table of errors, as clients see them: HTTP status, code, and the page that `more_info` leads to.

A new type of error that clients can react to gets a row here. Any other error is a bug, the last row: clients see
"internal error", the log has the details.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dayfile.api.ranges import RangeNotSatisfiable
from dayfile.errors import (
    AccountSuspended,
    Conflict,
    DamagedFile,
    DayfileError,
    Forbidden,
    Invalid,
    InvalidPageToken,
    NotFound,
    TooLarge,
    TooManyRequests,
    Transient,
    Unauthorized,
)


class MethodNotAllowed(DayfileError):
    """A method that an existing path does not support; `allowed` lists those that it supports."""

    def __init__(self, method: str, *, allowed: str) -> None:
        super().__init__(f"{method[:20]} is not allowed here: use {allowed}")
        self.allowed = allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRow:
    """One type of error: how clients see it, what happened, and what to do."""

    kind: type[Exception]
    status: int
    code: int
    title: str
    happened: str
    to_do: str


ERRORS: Final[tuple[ErrorRow, ...]] = (
    ErrorRow(
        kind=Invalid,
        status=400,
        code=20001,
        title="Invalid request",
        happened="A parameter is missing or breaks a rule. The message names the parameter, the rule and the value.",
        to_do="Change the request as the message says; the same request will never work. A message about the quota "
        "also says how many days are left today, and when the count starts again.",
    ),
    ErrorRow(
        kind=InvalidPageToken,
        status=400,
        code=21481,
        title="Invalid PageToken",
        happened="This server has not given out this page token for this list of this account.",
        to_do="Take it from next_page_url or previous_page_url without changing it, or start again without one.",
    ),
    ErrorRow(
        kind=Unauthorized,
        status=401,
        code=20003,
        title="Authenticate",
        happened="The request brought no credentials, or none that are known here.",
        to_do="Use HTTP Basic: an account sid (AC...) with its auth token, or the sid of an API key (SK...) with "
        "its secret. A revoked key no longer works, nor does a replaced token once its time is over. Wrong "
        "credentials are answered with a growing delay; right ones are answered at once, whatever was sent before.",
    ),
    ErrorRow(
        kind=Forbidden,
        status=403,
        code=20403,
        title="Forbidden",
        happened="The credentials are right, but not enough for this: a restricted key lacks a permission, or only "
        "the operator may do it. Or a download link has expired or was changed. Or a page of another site made a "
        "browser send a request that may write.",
        to_do="For a link: fetch the day again; each fetch gives a new link. For a page of another site: send the "
        "request from a server or a program, since no such page may write here, whatever credentials it holds. "
        "Otherwise use credentials that may do this: the message says which.",
    ),
    ErrorRow(
        kind=AccountSuspended,
        status=403,
        code=20005,
        title="Account not active",
        happened="The credentials are right, but their account or its parent is suspended or closed.",
        to_do="Ask the operator of this server; a suspended account can be made active again.",
    ),
    ErrorRow(
        kind=NotFound,
        status=404,
        code=20404,
        title="Not found",
        happened="There is nothing at this address for this account: it never existed, was deleted, has expired, or "
        "belongs to another account. Resource types are spelled Messages, Calls, Conferences and "
        "Participants.",
        to_do="Check the address and whose credentials are used. For a day that has expired, create a job over it.",
    ),
    ErrorRow(
        kind=MethodNotAllowed,
        status=405,
        code=20004,
        title="Method not allowed",
        happened="The address exists, but does not support this method.",
        to_do="Use one of the methods that the header Allow names.",
    ),
    ErrorRow(
        kind=Conflict,
        status=409,
        code=20409,
        title="Conflict",
        happened="The idempotency key was used before with another body, or its first request is still in progress. "
        "Or the request contradicts the state of an account, which is closed, has subaccounts, or has another parent.",
        to_do="If there is a Retry-After header, send the same request again after that many seconds. Otherwise use a "
        "new idempotency key for a new body; for an account, the message says what is in the way.",
    ),
    ErrorRow(
        kind=TooLarge,
        status=413,
        code=20413,
        title="Too large",
        happened="The request is larger than this server takes at once. Nothing of it was accepted.",
        to_do="Send it in smaller parts.",
    ),
    ErrorRow(
        kind=RangeNotSatisfiable,
        status=416,
        code=20416,
        title="Range not satisfiable",
        happened="The Range header asks for bytes that the file does not have.",
        to_do="Content-Range in the answer says how long the file is. If you have all of it, the download is complete.",
    ),
    ErrorRow(
        kind=TooManyRequests,
        status=429,
        code=20429,
        title="Too many requests",
        happened="Too many requests are in progress, of this account or of all, and nothing of this one was done. Or "
        "its credentials are wrong, and too many answers to wrong ones are being delayed already. The message says "
        "which.",
        to_do="Send it again after the number of seconds in the Retry-After header, then more slowly.",
    ),
    ErrorRow(
        kind=DamagedFile,
        status=500,
        code=20510,
        title="Damaged file",
        happened="The file behind the link is damaged or missing. Files up to 8 MiB are checked before anything of "
        "them is sent; the transfer of a larger one is broken off before its end.",
        to_do="Delete what has arrived: it may be wrong. Tell the operator of this server, who has to "
        "restore the file from a backup; then the same link works again. The hash of the file is in the "
        "manifest of the day.",
    ),
    ErrorRow(
        kind=Transient,
        status=503,
        code=20503,
        title="Unavailable",
        happened="Nothing is wrong with the request: the server's database or storage did not answer in time, or is "
        "full.",
        to_do="Send it again after the number of seconds in the Retry-After header. If it goes on, tell the operator.",
    ),
    ErrorRow(
        kind=Exception,
        status=500,
        code=20500,
        title="Internal error",
        happened="Something went wrong in this server that is not the fault of the request.",
        to_do="Tell the operator the request id from the message, which is also in the header Twilio-Request-Id. The "
        "log has the details under it.",
    ),
)
BUG: Final = ERRORS[-1]

BY_CODE: Final[Mapping[int, ErrorRow]] = {row.code: row for row in sorted(ERRORS, key=lambda row: row.code)}

_BY_KIND: Final[Mapping[type, ErrorRow]] = {row.kind: row for row in ERRORS}


def row_of(error: Exception) -> ErrorRow:
    """Return the row of an error: that of its own type, or of the closest type that it is derived from."""
    return next(_BY_KIND[kind] for kind in type(error).__mro__ if kind in _BY_KIND)


def rows_with(status: int) -> list[ErrorRow]:
    """Return the errors that have a status."""
    return [row for row in ERRORS if row.status == status]
