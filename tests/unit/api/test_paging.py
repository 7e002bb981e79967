from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.api.body import json_text
from dayfile.api.paging import (
    Around,
    Cursor,
    PageRequest,
    PageTokens,
    PageUrls,
    Position,
    Side,
    meta_json,
    parse_page_request,
    read_page,
)
from dayfile.errors import InvalidPageToken, InvalidParameter

TOKENS = PageTokens(b"k" * 32)
OF = "AC1 Messages days"
URLS = PageUrls(url="http://localhost/v1/Exports/Messages/Days", tokens=TOKENS, of=OF)

positions = st.builds(Position, st.integers(0, 10**18 - 1), st.sampled_from(["", "2026-10-01"]))
cursors = st.builds(Cursor, side=st.sampled_from(Side), position=positions)


@dataclass(frozen=True)
class Numbers:
    """A list of numbers in rising order."""

    numbers: list[int]

    def read(self, cursor: Cursor | None, *, offset: int, limit: int) -> list[int]:
        """As the store reads."""
        numbers = sorted(self.numbers)
        if cursor and cursor.side is Side.BEFORE:
            return [n for n in numbers if n < cursor.position.rank][-limit:]
        return [n for n in numbers if not cursor or n > cursor.position.rank][offset : offset + limit]

    def position(self, item: int) -> Position:
        """A number stands where it stands."""
        return Position(item)


def parse(query: str) -> PageRequest:
    """Return the page that a query asks for."""
    return parse_page_request(query.encode(), TOKENS, of=OF)


def walk(url: object, numbers: list[int], *, key: str) -> Iterator[list[int]]:
    """Pages as a client walks them: by the addresses that it is given."""
    while url is not None:
        request = parse(str(url).partition("?")[2])
        page = read_page(Numbers(numbers), request)
        yield page.items
        url = URLS.meta(request, page.around, key="days").members()[key]


@given(cursors)
def test_a_token_says_again_what_it_was_given_for(cursor: Cursor) -> None:
    """The next page begins where this one ended."""
    assert TOKENS.parse(TOKENS.give(cursor, of=OF), of=OF) == cursor


@given(cursors, st.integers(0), st.integers(0, 6))
def test_a_token_with_any_bit_changed_is_refused(cursor: Cursor, at: int, bit: int) -> None:
    """A cursor is a place in a list, not something to count through."""
    good = TOKENS.give(cursor, of=OF)
    at %= len(good)
    bad = good[:at] + chr(ord(good[at]) ^ 1 << bit) + good[at + 1 :]
    with pytest.raises(InvalidPageToken):
        TOKENS.parse(bad, of=OF)


@given(cursors, st.permutations(["PageSize=7", "Page=2", "PageToken="]), st.data())
def test_another_order_or_spelling_asks_for_the_same_page(
    cursor: Cursor, order: list[str], data: st.DataObject
) -> None:
    """Clients take the address of the next page apart and put it together again, each in its own way."""
    token = TOKENS.give(cursor, of=OF)
    pairs = [pair + token if pair == "PageToken=" else pair for pair in order]
    escaped = data.draw(st.sets(st.sampled_from(sorted(set(token + "PageSizeToken")))))
    query = "&".join("".join(f"%{ord(c):02X}" if c in escaped else c for c in pair) for pair in pairs)
    assert parse(query) == PageRequest(size=7, number=2, cursor=cursor, token=token)


@given(cursors)
def test_a_token_belongs_to_one_list_of_one_account(cursor: Cursor) -> None:
    """Another account's token would say where something of theirs stands."""
    token = TOKENS.give(cursor, of=OF)
    for tokens, of in ((TOKENS, "AC2 Messages days"), (TOKENS, "AC1 Messages jobs"), (PageTokens(b"x" * 32), OF)):
        with pytest.raises(InvalidPageToken):
            tokens.parse(token, of=of)


@given(st.text(max_size=80))
def test_no_text_at_all_makes_a_token_fail_in_another_way(text: str) -> None:
    """Anybody may send anything as a token."""
    for token in (text, "PT" + text):
        with pytest.raises(InvalidPageToken):
            TOKENS.parse(token, of=OF)


@pytest.mark.parametrize(
    ("query", "size", "number"),
    [
        ("", 50, 0),
        ("PageSize=1", 1, 0),
        ("PageSize=1000&Page=3", 1000, 3),
        ("PageSize=1001", 1000, 0),
        ("PageSize=5000", 1000, 0),
        ("PageSize=" + "9" * 5000, 1000, 0),
        ("PageSize=007&Page=08", 7, 8),
        ("PageSize=7&PageSize=20", 20, 0),
        ("PageSize=0&Page=x&PageSize=20&Page=1", 20, 1),
        ("PageSize=20&PageSize=20&PageToken=x&PageToken=", 20, 0),
        ("Page=2147483647", 50, 2147483647),
        ("PageToken=", 50, 0),
        ("pagesize=1", 50, 0),
    ],
)
@pytest.mark.compat(22)
def test_sizes_are_cut_down_and_never_refused_for_being_large(query: str, size: int, number: int) -> None:
    """Clients send whatever limit their user asked for: 400 would break list(limit=5000) in most of them."""
    asked = parse(query)
    assert (asked.size, asked.number, asked.cursor) == (size, number, None)


@pytest.mark.parametrize("text", ["0", "-1", "", "ten", "1.5", "1e3", "%2B5", "+5", "0x10", "٣"])
@pytest.mark.compat(23)
def test_a_page_size_that_is_no_number_is_refused_by_name(text: str) -> None:
    """A guess would hide a mistake of the caller."""
    with pytest.raises(InvalidParameter, match=r"^PageSize must be a whole number from 1 to 1000"):
        parse(f"PageSize={text}")


@pytest.mark.parametrize("text", ["-1", "", "one", "2147483648", "9" * 5000])
@pytest.mark.compat(23)
def test_a_page_that_is_no_number_is_refused_by_name(text: str) -> None:
    """Beyond 32 bits clients could not read it back."""
    with pytest.raises(InvalidParameter, match=r"^Page must be a whole number from 0 to 2147483647"):
        parse(f"Page={text}")


@given(st.sets(st.integers(0, 500), max_size=40), st.integers(1, 12))
def test_walking_yields_everything_once_and_back_again(numbers: set[int], size: int) -> None:
    """A list that ends early is a day that nobody downloads."""
    pages = list(walk(f"?PageSize={size}", list(numbers), key="next_page_url"))
    assert [n for page in pages for n in page] == sorted(numbers)
    assert all(len(page) == size for page in pages[:-1])


@given(st.sets(st.integers(0, 500), min_size=1, max_size=40), st.integers(1, 12), st.integers(1, 12))
def test_the_previous_page_leads_back_to_the_first(numbers: set[int], size: int, back: int) -> None:
    """previous_page_url is no ornament: Java's clients walk by it."""
    request = parse(f"PageSize={size}")
    while (page := read_page(Numbers(list(numbers)), request)).around.next:
        request = parse(str(URLS.meta(request, page.around, key="days").next_page_url).partition("?")[2])
    meta = URLS.meta(request, page.around, key="days")
    start = str(meta.url).replace(f"PageSize={size}", f"PageSize={back}")
    backwards = list(walk(start, list(numbers), key="previous_page_url"))
    assert [n for page in reversed(backwards[1:]) for n in page] == [n for n in sorted(numbers) if n < backwards[0][0]]


@given(st.lists(st.integers(0, 500), unique=True, min_size=1, max_size=40), st.integers(1, 7), st.data())
@pytest.mark.compat(24)
def test_a_walk_yields_each_once_while_others_come_and_go(numbers: list[int], size: int, data: st.DataObject) -> None:
    """Days are published while somebody lists them; counted pages would skip some and repeat others."""
    there = sorted(numbers[: len(numbers) // 2])
    stays = set(there)
    seen: list[int] = []
    for page in walk(f"?PageSize={size}", there, key="next_page_url"):
        seen += page
        number = data.draw(st.sampled_from(numbers))
        if number not in there:
            there.append(number)
        elif data.draw(st.booleans()):
            there.remove(number)
            stays.discard(number)
    assert len(seen) == len(set(seen))
    assert stays <= set(seen)


@pytest.mark.compat(20)
def test_the_first_page_echoes_what_was_asked_for() -> None:
    """Twilio's addresses name size and page even where the client named neither; some scripts cut them apart."""
    request = parse("")
    meta = URLS.meta(request, read_page(Numbers(list(range(60))), request).around, key="days")
    assert list(meta.members()) == [
        "page",
        "page_size",
        "first_page_url",
        "previous_page_url",
        "url",
        "next_page_url",
        "key",
    ]
    assert meta.url == meta.first_page_url == f"{URLS.url}?PageSize=50&Page=0"
    assert str(meta.next_page_url).startswith(f"{URLS.url}?PageSize=50&Page=1&PageToken=PT")
    assert meta.previous_page_url is None
    assert (meta.page, meta.page_size, meta.key) == (0, 50, "days")


@pytest.mark.compat(26)
def test_a_page_without_a_token_is_counted_to() -> None:
    """Page=2 of pages of 10 are the items 20 to 29."""
    request = parse("PageSize=10&Page=2")
    page = read_page(Numbers(list(range(60))), request)
    assert page.items == list(range(20, 30))
    assert page.around.previous
    assert page.around.next


def test_beyond_the_end_there_is_an_empty_page_with_a_way_back() -> None:
    """An address that was bookmarked when the list was longer is no error."""
    request = parse("PageSize=10&Page=9")
    meta = URLS.meta(request, read_page(Numbers([1]), request).around, key="days")
    assert meta.previous_page_url == f"{URLS.url}?PageSize=10&Page=8"
    assert meta.next_page_url is None


def test_an_empty_list_has_one_page() -> None:
    """Nothing before it and nothing after it."""
    request = parse("")
    meta = URLS.meta(request, read_page(Numbers([]), request).around, key="jobs")
    assert meta.previous_page_url is meta.next_page_url is None


@given(
    st.lists(
        st.tuples(
            st.builds(PageUrls, url=st.sampled_from(["http://a", "http://b"]), tokens=st.just(TOKENS), of=st.just(OF)),
            st.builds(PageRequest, size=st.integers(1, 2), number=st.integers(0, 1), cursor=st.none(), token=st.none()),
            st.builds(Around, previous=st.none() | cursors, next=st.none() | cursors, is_empty=st.booleans()),
            st.sampled_from(["days", "jobs"]),
        )
    )
)
def test_a_place_that_is_remembered_is_the_one_that_is_asked_for(
    asked: list[tuple[PageUrls, PageRequest, Around, str]],
) -> None:
    """Places that differ in anything are told apart, however similar they are."""
    for urls, request, around, key in asked:
        assert meta_json(urls, request, around, key=key) == json_text(urls.meta(request, around, key=key))


def test_a_query_that_is_remembered_gives_no_token_to_another_list() -> None:
    """The same query asks for another page of another list, or for none: its token is wrong there."""
    query = f"PageToken={TOKENS.give(Cursor(side=Side.AFTER, position=Position(1)), of=OF)}".encode()
    for _ in range(2):
        assert parse_page_request(query, TOKENS, of=OF).cursor
        for tokens, of in ((TOKENS, "AC2 Messages days"), (PageTokens(b"x" * 32), OF)):
            with pytest.raises(InvalidPageToken):
                parse_page_request(query, tokens, of=of)
