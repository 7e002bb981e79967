"""Keyset pagination: pages of lists, and the URLs of the pages around them.

A page token holds the position of an item, so that a walk yields every item once however many come or go meanwhile. It
is opaque and authenticated, and valid for one list of one account only.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Annotated, Generic, NamedTuple, Protocol, TypeVar

from dayfile.api.body import ClosedBody, json_text
from dayfile.api.openapi.schema import number, text, url
from dayfile.errors import InvalidPageToken, InvalidParameter
from dayfile.web.params import parse_parameters

T = TypeVar("T")

DEFAULT_SIZE = 50
LARGEST_SIZE = 1000
"""Larger sizes are reduced to this, not refused: Twilio's clients send any limit that their user asks for."""

LARGEST_NUMBER = 2**31 - 1  # clients parse it as 32 bits

REMEMBERED_PAGES = 1000
"""Most page requests, and places of pages as JSON, that are remembered: two megabytes, or ten with the longest queries.

For clients that ask again and again. Both follow from what is asked and found, and from nothing else.
"""

_POSITIVE = re.compile(r"0*[1-9][0-9]*", re.ASCII)
_NUMBER = re.compile(r"0*[0-9]{1,10}", re.ASCII)
_TOKEN = re.compile(r"PT[A-Za-z0-9_-]{20,120}", re.ASCII)
_CURSOR = re.compile(r"(?P<side>[ab])(?P<rank>[0-9]{1,18})\.(?P<detail>[0-9a-f-]{0,32})", re.ASCII)
_TAG_BYTES = 12
_DAYS = "/v1/Exports/Messages/Days"  # of the examples


class Side(Enum):
    """The side of a position on which a page lies."""

    AFTER = "a"
    BEFORE = "b"


class Position(NamedTuple):
    """The sort key of an item in its list: a number, and a text if the number is not unique."""

    rank: int
    detail: str = ""


class Cursor(NamedTuple):
    """The location of a page in its list: before or after a position."""

    side: Side
    position: Position


class PageTokens:
    """The issuer of page tokens, which also verifies them."""

    def __init__(self, key: bytes) -> None:
        self._keyed = hmac.new(key, digestmod="sha256")  # each token takes a copy: to begin anew takes as long again

    def give(self, cursor: Cursor, *, of: str) -> str:
        """Return the token of a cursor; `of` names the list and its owner: authenticated, but not in the token."""
        text = f"{cursor.side.value}{cursor.position.rank}.{cursor.position.detail}"
        authenticating = self._keyed.copy()
        authenticating.update(f"{of}\n{text}".encode())
        tag = authenticating.digest()[:_TAG_BYTES]
        return "PT" + base64.urlsafe_b64encode(tag + text.encode()).rstrip(b"=").decode()

    def parse(self, token: str, *, of: str) -> Cursor:
        """Return the cursor of a token that `give` made for the same `of`; raises InvalidPageToken for other texts."""
        cursor = _parse_cursor(token)
        # Comparing whole tokens accepts no second spelling of a valid one.
        if cursor is None or not hmac.compare_digest(self.give(cursor, of=of), token):
            raise InvalidPageToken("Invalid PageToken: take it from next_page_url or previous_page_url of this list")
        return cursor


class PageRequest(NamedTuple):
    """A parsed request for a page of a list."""

    size: int
    number: int  # counted by the client; without a cursor it is the number of pages to skip
    cursor: Cursor | None
    token: str | None  # the cursor's, as given

    @property
    def is_usual(self) -> bool:
        """True for what clients ask for again and again: a first page, or one by its number, of a usual size.

        A walk has each of its pages once, and very large pages would take the place of many others.
        """
        return self.cursor is None and self.size <= DEFAULT_SIZE


class Listing(Protocol[T]):
    """A list in one snapshot of the database."""

    def read(self, cursor: Cursor | None, *, offset: int, limit: int) -> list[T]:
        """Return up to `limit` items in list order: the first after the cursor's position, or the last before it."""
        ...

    def position(self, item: T) -> Position:
        """Return the position of an item."""
        ...


class Around(NamedTuple):
    """The cursors of the pages before and after a page; None where there is none."""

    previous: Cursor | None
    next: Cursor | None
    is_empty: bool  # the page itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Consecutive items of a list, and what is around them."""

    items: list[T]
    around: Around


@lru_cache(maxsize=REMEMBERED_PAGES)
def parse_page_request(query: bytes, tokens: PageTokens, *, of: str) -> PageRequest:
    """Parse the last PageSize, Page and PageToken; raises InvalidParameter or InvalidPageToken."""
    parameters = parse_parameters(query, known=("PageSize", "Page", "PageToken"), last_counts=True)
    token = parameters.get("PageToken") or None
    return PageRequest(
        size=_size(parameters),
        number=_number(parameters),
        cursor=tokens.parse(token, of=of) if token else None,
        token=token,
    )


def read_page(listing: Listing[T], request: PageRequest) -> Page[T]:
    """Read one page, and find out if there are items before and after it.

    One item more than the page has tells what follows in its direction, so a walk forwards reads once for each page.
    """
    cursor, size = request.cursor, request.size
    offset = 0 if cursor else request.number * size
    found = listing.read(cursor, offset=offset, limit=size + 1)
    if not found:
        return Page(items=found, around=Around(previous=None, next=None, is_empty=True))
    has_more, is_backwards = len(found) > size, cursor is not None and cursor.side is Side.BEFORE
    items = found[-size:] if is_backwards else found[:size]

    def cursor_at(side: Side, item: T) -> Cursor:
        return Cursor(side=side, position=listing.position(item))

    if cursor is None:
        has_previous, has_next = offset > 0, has_more  # those that were skipped are before it
    elif is_backwards:
        has_previous, has_next = has_more, bool(listing.read(cursor_at(Side.AFTER, items[-1]), offset=0, limit=1))
    else:
        has_previous, has_next = bool(listing.read(cursor_at(Side.BEFORE, items[0]), offset=0, limit=1)), has_more
    return Page(
        items=items,
        around=Around(
            previous=cursor_at(Side.BEFORE, items[0]) if has_previous else None,
            next=cursor_at(Side.AFTER, items[-1]) if has_next else None,
            is_empty=False,
        ),
    )


class MetaBody(ClosedBody, frozen=True, kw_only=True):
    """The place of this page in its list. Follow next_page_url until it is null."""

    # Some of Twilio's clients crash if one of them is missing.
    page: Annotated[int, number("The number of this page, from 0.", 0, minimum=0, maximum=LARGEST_NUMBER)]
    page_size: Annotated[int, number("How many items a page has at most.", 50, minimum=1, maximum=LARGEST_SIZE)]
    first_page_url: Annotated[str, url("The first page.", f"{_DAYS}?PageSize=50&Page=0")]
    previous_page_url: Annotated[str, url("The page before; null on the first.", f"{_DAYS}?PageSize=50")] | None
    url: Annotated[str, url("This page.", f"{_DAYS}?PageSize=50&Page=0")]
    next_page_url: Annotated[str, url("The page after; null on the last.", f"{_DAYS}?PageSize=50")] | None
    key: Annotated[str, text("The member that has the items.", "days", enum=["days", "jobs", "notices", "accounts"])]


class PageUrls(NamedTuple):
    """The URLs of the pages of one list."""

    url: str  # of the list
    tokens: PageTokens
    of: str

    def meta(self, request: PageRequest, around: Around, *, key: str) -> MetaBody:
        """Return the place of a page in its list."""
        number = request.number
        before = self._around(around.previous, number=max(number - 1, 0), size=request.size)
        if before is None and around.is_empty and number > 0:
            # Beyond the end there is no item to point to: go back by page number.
            before = self._page(size=request.size, number=number - 1)
        return MetaBody(
            page=number,
            page_size=request.size,
            first_page_url=self._page(size=request.size, number=0),
            previous_page_url=before,
            url=self._page(size=request.size, number=number, token=request.token),
            next_page_url=self._around(around.next, number=min(number + 1, LARGEST_NUMBER), size=request.size),
            key=key,
        )

    def _around(self, cursor: Cursor | None, *, number: int, size: int) -> str | None:
        if cursor is None:
            return None
        return self._page(size=size, number=number, token=self.tokens.give(cursor, of=self.of))

    def _page(self, *, size: int, number: int, token: str | None = None) -> str:
        return f"{self.url}?PageSize={size}&Page={number}" + (f"&PageToken={token}" if token else "")


@lru_cache(maxsize=REMEMBERED_PAGES)
def meta_json(urls: PageUrls, request: PageRequest, around: Around, *, key: str) -> bytes:
    """Return the place of a page in its list as JSON."""
    return json_text(urls.meta(request, around, key=key))


def _size(parameters: Mapping[str, str]) -> int:
    text = parameters.get("PageSize")
    if text is None:
        return DEFAULT_SIZE
    if not _POSITIVE.fullmatch(text):
        raise InvalidParameter("PageSize", f"must be a whole number from 1 to {LARGEST_SIZE}", text)
    digits = text.lstrip("0")
    return min(int(digits), LARGEST_SIZE) if len(digits) <= len(str(LARGEST_SIZE)) else LARGEST_SIZE


def _number(parameters: Mapping[str, str]) -> int:
    text = parameters.get("Page")
    if text is None:
        return 0
    if not _NUMBER.fullmatch(text) or int(text[-10:]) > LARGEST_NUMBER:
        raise InvalidParameter("Page", f"must be a whole number from 0 to {LARGEST_NUMBER}", text)
    return int(text[-10:])


def _parse_cursor(token: str) -> Cursor | None:
    if not _TOKEN.fullmatch(token):
        return None
    encoded = token[2:]
    try:
        decoded = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except binascii.Error:
        return None
    found = _CURSOR.fullmatch(decoded[_TAG_BYTES:].decode("latin-1"))
    if not found:
        return None
    return Cursor(side=Side(found["side"]), position=Position(int(found["rank"]), found["detail"]))
