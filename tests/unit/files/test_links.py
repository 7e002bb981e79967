from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.files.links import EMPTY, ExpiredLink, ForgedLink, Link, LinkSigner
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.empty import EMPTY_SHA256
from dayfile.model.export import DayFile
from dayfile.model.resource import CALLS, MESSAGES, RESOURCE_TYPES

NOW = datetime(2026, 11, 23, 10, 0, 0, 250_000, tzinfo=UTC)
ACCOUNT = AccountSid("AC" + "0a" * 16)
SIGNER = LinkSigner(b"k" * 32)


def a_link(**changes: object) -> Link:
    """A link to a day with records, good for another hour."""
    values: dict[str, object] = {
        "account": ACCOUNT,
        "resource_type": MESSAGES,
        "day": Day(date(2026, 10, 1)),
        "created_at": datetime(2026, 11, 23, 9, 30, 0, tzinfo=UTC),
        "sealed_day_id": 7,
        "file_hash": "0a" * 16,
        "expires_at": datetime(2026, 11, 23, 11, 0, 0, tzinfo=UTC),
    }
    return Link(**{**values, **changes})  # type: ignore[arg-type]


def check(signed: str, *, now: datetime = NOW, signer: LinkSigner = SIGNER) -> Link:
    """Check a link as it was given out, path and query in one."""
    path, _, query = signed.partition("?")
    return signer.check(path, query, now=now)


moments = st.datetimes(datetime(2010, 1, 1), datetime(2090, 1, 1)).map(lambda t: t.replace(microsecond=0, tzinfo=UTC))  # noqa: DTZ001
links = st.builds(
    Link,
    account=st.text("0123456789abcdef", min_size=32, max_size=32).map(lambda hex_: AccountSid("AC" + hex_)),
    resource_type=st.sampled_from(RESOURCE_TYPES),
    day=st.dates(date(2010, 1, 1), date(2090, 1, 1)).map(Day),
    created_at=moments,
    sealed_day_id=st.integers(EMPTY, 2**59),
    file_hash=st.text("0123456789abcdef", min_size=32, max_size=32) | st.none(),
    expires_at=moments,
)


@given(links)
def test_a_link_says_again_what_it_was_signed_for(link: Link) -> None:
    """The row to read, the account and the expiry all come from the link: it is the whole of the credential."""
    assert check(SIGNER.sign(link), now=link.expires_at - timedelta(seconds=1)) == link


def respelled(text: str, data: st.DataObject) -> str:
    """The text with any of its characters percent-encoded, in either case: the same text once it is decoded."""
    escapes = st.sampled_from(["{}", "%{:02x}", "%{:02X}"])
    kinds = data.draw(st.lists(escapes, min_size=len(text), max_size=len(text)))
    return "".join(
        kind.format(character if kind == "{}" else ord(character)) for kind, character in zip(kinds, text, strict=True)
    )


def parameters(signed: str) -> list[tuple[str, str]]:
    """The parameters of a link, decoded."""
    return parse_qsl(signed.partition("?")[2], strict_parsing=True)


def query_of(pairs: Iterable[tuple[str, str]]) -> str:
    """A query of these parameters."""
    return "&".join(f"{name}={value}" for name, value in pairs)


@given(links, st.data())
def test_another_order_or_spelling_of_a_link_is_the_same_link(link: Link, data: st.DataObject) -> None:
    """Ruby's Faraday sorts the parameters of an address that it follows, and Go encodes them again."""
    signed = SIGNER.sign(link)
    pairs = data.draw(st.permutations(parameters(signed)))
    query = query_of((respelled(name, data), respelled(value, data)) for name, value in pairs)
    assert SIGNER.check(link.path, query, now=link.expires_at - timedelta(seconds=1)) == link


@given(links, st.data())
def test_other_parameters_are_another_link(link: Link, data: st.DataObject) -> None:
    """One that is missing, given twice, unknown or changed: what it would mean is nobody's to guess."""
    pairs = parameters(SIGNER.sign(link))
    at = data.draw(st.integers(0, len(pairs) - 1))
    name, value = pairs[at]
    other = data.draw(st.text("0123456789abcdef+ %&=;\x00é", max_size=70).filter(lambda text: text != value))
    for changed in (
        pairs[:at] + pairs[at + 1 :],
        [*pairs, pairs[at]],
        [*pairs, (name, other)],
        [*pairs, (other, value)],
        [*pairs, ("", "")],
        [*pairs[:at], (name, other), *pairs[at + 1 :]],
        [*pairs[:at], (name.lower(), value), *pairs[at + 1 :]],
    ):
        with pytest.raises(ForgedLink):
            SIGNER.check(link.path, urlencode(changed), now=link.expires_at - timedelta(seconds=1))


@given(links, links, st.data())
def test_parts_of_two_links_make_no_third(one: Link, other: Link, data: st.DataObject) -> None:
    """A signature is over the whole: nothing of a link that somebody has opens another."""
    ours, theirs = (dict(parameters(SIGNER.sign(link))) for link in (one, other))
    mixed = {name: data.draw(st.sampled_from([ours, theirs])).get(name) for name in {*ours, *theirs}}
    query = urlencode({name: value for name, value in mixed.items() if value is not None})
    try:
        found = SIGNER.check(one.path, query, now=min(one.expires_at, other.expires_at) - timedelta(seconds=1))
    except ForgedLink:
        return
    assert found in (one, other)


def test_a_link_that_was_given_before_links_had_a_hash_works() -> None:
    """A link works until it expires: an upgrade must not break the downloads that are under way."""
    old = a_link(file_hash=None)
    assert SIGNER.sign(old) == (
        f"{old.path}?SealedDay=7&Expires=1795431600"
        "&Signature=fc82fd56a1ebd5e207b6d07d601d896709de20f9a427bd5c68afeec932346c6e"
    )
    assert check(SIGNER.sign(old)) == old
    assert old.is_to("0a" * 32)
    assert old.is_to("0b" * 32)


def test_a_link_is_to_the_file_whose_hash_it_has() -> None:
    """Numbers are given again after a restore; a hash of another file is not."""
    assert a_link().is_to("0a" * 32)
    assert not a_link().is_to("0b" + "0a" * 31)
    assert not a_link().is_to("0a" * 15 + "0b" + "0a" * 16)


@given(links, st.integers(0), st.integers(0, 7))
def test_a_link_with_any_bit_changed_is_refused(link: Link, at: int, bit: int) -> None:
    """One bit decides which account's records are given, and until when."""
    good = SIGNER.sign(link).encode()
    at %= len(good)
    bad = good[:at] + bytes([good[at] ^ 1 << bit]) + good[at + 1 :]
    with pytest.raises(ForgedLink):
        check(bad.decode("latin-1"), now=link.expires_at - timedelta(seconds=1))


@given(links, st.data())
def test_a_link_cut_short_or_made_longer_is_refused(link: Link, data: st.DataObject) -> None:
    """A signature over less than the whole link would leave the rest to whoever has it."""
    good = SIGNER.sign(link)
    short = good[: data.draw(st.integers(0, len(good) - 1))]
    long = good + data.draw(st.text(min_size=1, max_size=3))
    for bad in (short, long):
        with pytest.raises(ForgedLink):
            check(bad, now=link.expires_at - timedelta(seconds=1))


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_text_at_all_makes_it_fail_in_another_way(path: str, query: str) -> None:
    """Anybody may send anything to this address; a crash there would be an error of ours."""
    with pytest.raises(ForgedLink):
        SIGNER.check(path, query, now=NOW)


@pytest.mark.parametrize(
    ("part", "instead"),
    [
        ("day=2026-10-01", "day=2026-13-01"),
        ("type=Messages", "type=Faxes"),
        ("created_time=20261123093000", "created_time=20261123093060"),
        ("Expires=1795431600", "Expires=99999999999"),
        ("SealedDay=7", "SealedDay=007"),
        ("SealedDay=7", "SealedDay=%EF%BC%97"),
        ("SealedDay=7", "SealedDay=7;x=1"),
        ("SealedDay=7", "SealedDay=7%00"),
        ("SealedDay=7", "SealedDay=7%"),
        ("SealedDay=7", "SealedDay=%2537"),
        ("SealedDay=7", "SealedDay=+7"),
        ("SealedDay=7", "SealedDay=7%26File=" + "0a" * 16),
        ("SealedDay=7&", "SealedDay=7&&"),
        ("SealedDay=7&", "SealedDay=7;"),
        ("SealedDay=7", "sealedday=7"),
        ("File=0a", "File=0A"),
        ("File=0a", "File=%ff"),
        ("Signature=", "Signature=0"),
        ("daily/", "Daily/"),
    ],
)
def test_a_link_to_something_that_cannot_be_is_forged(part: str, instead: str) -> None:
    """A link with the right shape and no meaning must not reach the store, nor fail as a bug."""
    good = SIGNER.sign(a_link())
    assert part in good
    with pytest.raises(ForgedLink):
        check(good.replace(part, instead, 1))


def test_the_link_of_another_key_is_refused() -> None:
    """Another instance's links are another instance's files."""
    with pytest.raises(ForgedLink):
        check(LinkSigner(b"x" * 32).sign(a_link()))


def test_a_link_works_until_its_second_comes() -> None:
    """The expiry is a promise to the second: not one longer."""
    link = a_link()
    assert check(SIGNER.sign(link), now=link.expires_at - timedelta(microseconds=1)) == link
    with pytest.raises(ExpiredLink, match="expired at 2026-11-23T11:00:00Z") as expired:
        check(SIGNER.sign(link), now=link.expires_at)
    assert expired.value.link == link


def test_an_old_forged_link_is_forged_and_not_expired() -> None:
    """A stranger without a signature learns nothing, not even that something expired."""
    with pytest.raises(ForgedLink):
        check(SIGNER.sign(a_link())[:-1] + "x", now=NOW + timedelta(days=30))


def a_day_file(*, expires_at: datetime) -> DayFile:
    """The file of a day without records."""
    return DayFile(
        account=ACCOUNT,
        resource_type=CALLS,
        day=Day(date(2026, 10, 1)),
        friendly_name="october",
        created_at=NOW,
        generation=1,
        sealed=None,
        expires_at=expires_at,
    )


@given(st.timedeltas(timedelta(), timedelta(days=7)), st.timedeltas(timedelta(), timedelta(days=7)))
def test_no_link_outlives_its_day_file(lifetime: timedelta, remaining: timedelta) -> None:
    """After retention nothing gives the file any more, least of all a link that was made a second before."""
    link = Link.to(a_day_file(expires_at=NOW + remaining), expires_at=NOW + lifetime)
    assert link.expires_at <= min(NOW + lifetime, NOW + remaining)
    assert min(NOW + lifetime, NOW + remaining) - link.expires_at < timedelta(seconds=1)


def test_a_link_to_a_day_without_records_names_the_empty_file() -> None:
    """There is one such file for everybody; the link is still its account's own."""
    link = Link.to(a_day_file(expires_at=NOW + timedelta(days=7)), expires_at=NOW + timedelta(hours=1))
    assert (link.sealed_day_id, link.is_to(EMPTY_SHA256)) == (EMPTY, True)
    assert check(SIGNER.sign(link)) == link


def test_the_path_reads_like_those_of_twilios_bucket() -> None:
    """Scripts take the day, the type and the account out of the link they were given."""
    assert a_link().path == (
        f"daily/day=2026-10-01/type=Messages/account={ACCOUNT}/created_time=20261123093000/Messages-2026-10-01.json.gz"
    )
