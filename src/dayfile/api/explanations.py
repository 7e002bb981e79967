"""Explanations of the error codes, served at the address in `more_info`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from dayfile.api.exports import READ
from dayfile.api.meanings import BUG, ERRORS
from dayfile.api.responses import json_response
from dayfile.errors import NotFound
from dayfile.web.browser import prefers_html
from dayfile.web.sheet import Sheet

_TEMPLATES: Final = Path(__file__).with_name("templates")

STATUSES: Mapping[int, int] = {meaning.code: meaning.status for meaning in (*ERRORS.values(), BUG)}

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Explanation:
    """The explanation of one code: a title, what happened, and what to do."""

    title: str
    happened: str
    to_do: str


EXPLANATIONS: Mapping[int, Explanation] = {
    20001: Explanation(
        "Invalid request",
        "A parameter is missing or breaks a rule. The message names the parameter, the rule and the value.",
        "Change the request as the message says; the same request will never work. If it speaks of the quota, it also "
        "says how many days are left today and when the count starts anew.",
    ),
    20003: Explanation(
        "Authenticate",
        "The request brought no credentials, or none that are known here.",
        "Use HTTP Basic: an account sid (AC...) with its auth token, or the sid of an API key (SK...) with its secret. "
        "A revoked key no longer works, nor does a token once the time after its rotation is over. Wrong credentials "
        "are answered later and later; right ones are answered at once, whatever was sent before.",
    ),
    20004: Explanation(
        "Method not allowed",
        "There is such an address, and it does not know this method.",
        "Use one of the methods that the header Allow names.",
    ),
    20005: Explanation(
        "Account not active",
        "The credentials are right, and their account, or its parent, is suspended or closed.",
        "Ask the operator of this server; a suspended account can be made active again.",
    ),
    20403: Explanation(
        "Forbidden",
        "The credentials are good, but not for this: a restricted key lacks a permission, or only the operator may. Or "
        "a download link has expired, or is not as it was given out. Or a browser sent a request that may write from "
        "a page of another site.",
        "For a link: fetch the day again, each fetch gives a fresh one. From another site: send the request from a "
        "server or a program, since a page there cannot write here, whatever credentials it holds. Otherwise use "
        "credentials that reach this far: the message says which.",
    ),
    20404: Explanation(
        "Not found",
        "There is nothing at this address for this account: it never existed, was deleted, has expired, or belongs to "
        "another account. Resource types are spelled Messages, Calls, Conferences and Participants.",
        "Check the address and whose credentials are used. For a day that has expired, create a job over it.",
    ),
    20409: Explanation(
        "Conflict",
        "The idempotency key was used before, with another body, or by a request that is still being worked on. Or "
        "the request contradicts an account as it is: one that is "
        "closed, or has subaccounts, or another parent.",
        "If there is a Retry-After header, send the same request again after that many seconds. Otherwise use a new "
        "key for a new body; of an account, the message says what is in the way.",
    ),
    20413: Explanation(
        "Too large",
        "The request is larger than this server takes at once. Nothing of it was accepted.",
        "Send it in smaller parts.",
    ),
    20416: Explanation(
        "Range not satisfiable",
        "The Range header asks for bytes that the file does not have.",
        "Content-Range in the answer says how long the file is. If you have all of it, the download is complete.",
    ),
    20429: Explanation(
        "Too many requests",
        "The request came on top of too many others, of the same account or of all, and nothing of it was done. Or its "
        "credentials are wrong, and too many answers to wrong ones are being delayed; the message says so.",
        "Send it again after the number of seconds in the Retry-After header, then more slowly.",
    ),
    20500: Explanation(
        "Internal error",
        "Something went wrong in this server that should not.",
        "Tell its operator the request id from the message, which is also in the header Twilio-Request-Id: the log has "
        "the details under it.",
    ),
    20503: Explanation(
        "Unavailable",
        "Nothing is wrong with the request: the server's database or storage did not answer in time, or is full.",
        "Send it again after the number of seconds in the Retry-After header. If it goes on, tell the operator.",
    ),
    20510: Explanation(
        "Damaged file",
        "The file behind the link is not what was sealed, or is gone. Files up to 8 MiB are checked before anything of "
        "them is sent; a transfer of a larger one is broken off before its end.",
        "Delete what has arrived of it: it may be wrong. Tell the operator of this server, who has to restore the file "
        "from a backup; then the same link works again. The hash of the file is in the manifest of the day.",
    ),
    21481: Explanation(
        "Invalid PageToken",
        "The page token is not one that this server gave out for this list of this account.",
        "Take it from next_page_url or previous_page_url without changing it, or start again without one.",
    ),
}


@router.api_route("/errors/{code}", methods=READ)
def explain(request: Request, code: str) -> Response:
    """Return the explanation of a code: a page for browsers, JSON for other clients; raises NotFound."""
    number = int(code) if code.isascii() and code.isdecimal() and len(code) <= len("20500") else 0
    found = EXPLANATIONS.get(number)
    if found is None:
        raise NotFound(f"This server knows no error with the code {code[:40]!r}.")
    if prefers_html(request.headers):
        return _sheet().answer(code=number, explanation=found, http_status=STATUSES[number])
    return json_response({"code": number, "title": found.title, "happened": found.happened, "to_do": found.to_do})


def failure_page(
    *, status: int, code: int, message: str, request_id: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the response to a request that failed, as a page for people in front of a browser."""
    return _failure_sheet().answer(
        status=status,
        headers={"Cache-Control": "no-store", "Vary": "Accept", **(headers or {})},
        code=code,
        http_status=status,
        message=message,
        explanation=EXPLANATIONS[code],
        request_id=request_id,
    )


@cache
def _failure_sheet() -> Sheet:
    return Sheet(_TEMPLATES, "failure.html", styles=("failure.css",))


@cache
def _sheet() -> Sheet:
    return Sheet(_TEMPLATES, "explanation.html")
