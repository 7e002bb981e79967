from __future__ import annotations

from contextlib import suppress
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.errors import Invalid, InvalidParameter
from dayfile.web.params import check_email, check_length, check_path, check_url, optional, parse_parameters, required

KNOWN = ("FriendlyName", "Email")

texts = st.text().filter(lambda text: "\0" not in text)


@given(st.fixed_dictionaries({}, optional={"FriendlyName": texts, "Email": texts, "Other": texts}))
def test_known_parameters_come_out_as_they_were_sent(sent: dict[str, str]) -> None:
    """A friendly name is any text, and is returned as sent; what nobody here knows is left alone."""
    known = {name: value for name, value in sent.items() if name in KNOWN}
    for quoting in (quote, quote_plus):  # clients of both kinds are about: a space is %20 or +
        assert parse_parameters(urlencode(sent, quote_via=quoting).encode(), known=KNOWN) == known


def test_bytes_that_are_utf8_need_no_percent_signs() -> None:
    """Small scripts send them as they are."""
    assert parse_parameters("FriendlyName=Größe".encode(), known=KNOWN) == {"FriendlyName": "Größe"}


@given(st.binary(max_size=60))
def test_no_bytes_at_all_make_it_fail_in_another_way(encoded: bytes) -> None:
    """All that arrives is either parameters or the sender's mistake, never ours."""
    with suppress(Invalid):
        parse_parameters(b"FriendlyName=" + encoded, known=KNOWN)


@pytest.mark.parametrize("twice", [b"Email=a&Email=b", b"Email=a&x=y&Email=a", b"Email&Email"])
@pytest.mark.compat(17)
def test_a_parameter_given_twice_is_refused(twice: bytes) -> None:
    """Nobody could say which of them counts; taking either would do what was not asked for."""
    with pytest.raises(InvalidParameter, match="Email must be given only once"):
        parse_parameters(twice, known=KNOWN)


@pytest.mark.compat(17)
def test_an_unknown_parameter_may_come_as_often_as_it_likes() -> None:
    """Twilio ignores what it does not know, so clients may send anything besides."""
    assert parse_parameters(b"x=1&x=2&&Email=a%40b", known=KNOWN) == {"Email": "a@b"}


@pytest.mark.parametrize("broken", [b"Email=%", b"Email=%4", b"Email=%zz", b"Email=%ff", b"Email=\xff", b"%C3=a"])
def test_what_cannot_be_decoded_is_refused(broken: bytes) -> None:
    """Guessing would store a text that nobody sent."""
    with pytest.raises(Invalid):
        parse_parameters(broken, known=KNOWN)


def test_the_character_nul_is_refused_by_name() -> None:
    """PostgreSQL cannot hold it in a text: better an error that says so than one from there."""
    with pytest.raises(InvalidParameter, match="Email must not contain the character NUL"):
        parse_parameters(b"Email=a%00b", known=KNOWN)


def test_a_missing_parameter_is_asked_for_in_twilios_words() -> None:
    """Scripts match on them."""
    with pytest.raises(Invalid, match=r"^Missing required parameter StartDay in the post body$"):
        required({}, "StartDay")
    assert required({"StartDay": ""}, "StartDay") == ""


def test_an_empty_optional_parameter_is_as_good_as_none() -> None:
    """Clients send empty texts for fields of a form that were left empty."""
    assert optional({"Email": ""}, "Email") is None
    assert optional({}, "Email") is None
    assert optional({"Email": "a@b"}, "Email") == "a@b"


def test_lengths_are_counted_in_characters() -> None:
    """256 characters are 256 characters in any script."""
    assert check_length("FriendlyName", "é" * 256, longest=256)
    for wrong in ("", "é" * 257):
        with pytest.raises(InvalidParameter, match=f"FriendlyName must have 1 to 256 characters, not {len(wrong)}"):
            check_length("FriendlyName", wrong, longest=256)


@pytest.mark.parametrize(
    "url",
    [
        "http://a",
        "https://example.com/hook?x=%20#rc=2",
        "HTTPS://user:password@example.com:8443/",
        "http://[::1]:80/",
        "https://example.com/" + "a" * 2028,
    ],
)
def test_a_webhook_may_be_any_http_url(url: str) -> None:
    """Delivery judges where it leads, when the name is resolved."""
    assert check_url("WebhookUrl", url) == url


@pytest.mark.parametrize(
    "url",
    [
        "example.com/hook",
        "/hook",
        "ftp://example.com/",
        "https://",
        "https:///path",
        "https://exa mple.com/",
        "https://example.com/\r\nHost: other",
        "https://exämple.com/",
        "https://example.com:port/",
        "https://example.com:99999/",
        "http://[::1/",
        "javascript:alert(1)",
        "https://example.com/" + "a" * 2029,
    ],
)
def test_what_is_no_http_url_is_refused_when_it_is_given(url: str) -> None:
    """The customer learns of it now, and not by a notice that never comes."""
    with pytest.raises(InvalidParameter, match=r"^WebhookUrl must"):
        check_url("WebhookUrl", url)


@pytest.mark.parametrize("email", ["a@b", "some.one+tag@mail.example.com", "o'neil@example.com"])
def test_an_address_has_the_shape_of_one(email: str) -> None:
    """The shape is that of browsers' forms: what they accept, this accepts."""
    assert check_email("Email", email) == email


@pytest.mark.parametrize(
    "email",
    [
        "a",
        "@b",
        "a@",
        "a b@c",
        "a@b,c@d",
        "a@b\n",
        "a@b..c",
        "a@-b",
        "<a@b>",
        "a@b@c",
        "a" * 65 + "@b",
        "ä@b",
        "a@" + "b." * 130,
    ],
)
def test_what_is_no_address_is_refused(email: str) -> None:
    """Line breaks and commas in it would turn one mail into others."""
    with pytest.raises(InvalidParameter, match=r"^Email must be one e-mail address"):
        check_email("Email", email)


@pytest.mark.parametrize("path", [b"/v1/%", b"/v1/%zz", b"/v1/%ff", b"/v1/\xff", b"/v1/%00"])
def test_a_path_that_nobody_could_mean_is_refused(path: bytes) -> None:
    """The server in front of us would put a replacement character there, and we would look for that."""
    with pytest.raises(Invalid):
        check_path(path)


def test_any_other_path_is_for_the_routes_to_judge() -> None:
    """Encoded or not, it says one thing."""
    for path in (b"/v1/Exports/Messages", b"/v1/Exports/M%65ssages", "/v1/ü".encode(), b"/v1/%C3%BC"):
        check_path(path)
