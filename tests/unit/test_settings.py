"""Settings about notices: what operators get wrong is said at the start, all of it at once, and without secrets."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest
import trustme

from dayfile.delivery.relay import Encryption, Login, Relay, Sender
from dayfile.errors import Unusable
from dayfile.setting_rules import split_listener
from dayfile.settings import Settings


@pytest.fixture
def set_to(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment."""
    return monkeypatch


def read(set_to: pytest.MonkeyPatch, **variables: str) -> Settings:
    """The settings of a process with these variables."""
    for name, value in variables.items():
        set_to.setenv(f"DAYFILE_{name}", value)
    return Settings.read()


def test_nothing_needs_to_be_set(set_to: pytest.MonkeyPatch) -> None:
    """A laptop has no mail server and no receivers of its own: letters stay in a folder."""
    mailing = read(set_to, PUBLIC_URL="https://logs.example.org:8443", DATA_DIR="/var/lib/dayfile").mailing
    assert (mailing.relay, mailing.folder) == (None, Path("/var/lib/dayfile/mail"))
    assert str(mailing.sender) == "Dayfile <dayfile@logs.example.org>"
    assert Settings.read().webhook_allow is None
    assert Settings.read().trusted_proxies is None


def test_networks_are_given_with_commas(set_to: pytest.MonkeyPatch) -> None:
    """As operators know them from everywhere else."""
    allowed = read(set_to, WEBHOOK_ALLOW="10.1.0.0/16, fd00:1::/32,192.0.2.7").webhook_allow
    trusted = read(set_to, TRUSTED_PROXIES="10.1.0.0/16, fd00:1::/32,192.0.2.7").trusted_proxies
    assert allowed == trusted == tuple(map(ip_network, ("10.1.0.0/16", "fd00:1::/32", "192.0.2.7/32")))


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ("127.0.0.1:9464", ("127.0.0.1", 9464)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:9464", ("::1", 9464)),
    ],
)
def test_a_listener_is_an_address_and_a_port(set_to: pytest.MonkeyPatch, given: str, place: tuple[str, int]) -> None:
    """Operators write it as for every other program."""
    listen = read(set_to, METRICS_LISTEN=given).metrics_listen
    assert listen is not None
    assert split_listener(listen) == place


@pytest.mark.parametrize("given", ["9464", ":9464", "127.0.0.1", "::1:9464", "127.0.0.1:70000", "http://here:9464"])
def test_what_is_no_listener_is_named(set_to: pytest.MonkeyPatch, given: str) -> None:
    """Operators learn it at the start, and not when Prometheus finds nobody there."""
    with pytest.raises(Unusable, match=r"DAYFILE_METRICS_LISTEN.*127\.0\.0\.1:9464"):
        read(set_to, METRICS_LISTEN=given)


@pytest.mark.parametrize(
    ("url", "relay"),
    [
        ("smtp://mail.example", Relay(encryption=Encryption.NONE, host="mail.example", port=25, login=None)),
        ("smtp+starttls://m", Relay(encryption=Encryption.STARTTLS, host="m", port=587, login=None)),
        ("smtps://m:4465/", Relay(encryption=Encryption.TLS, host="m", port=4465, login=None)),
        (
            "smtps://me%40example.org:p%40ss%2Fword@m",
            Relay(
                encryption=Encryption.TLS, host="m", port=465, login=Login(user="me@example.org", password="p@ss/word")
            ),
        ),
        (
            "smtp://me:pass@localhost",
            Relay(encryption=Encryption.NONE, host="localhost", port=25, login=Login(user="me", password="pass")),
        ),
    ],
)
def test_a_mail_server_is_one_url(set_to: pytest.MonkeyPatch, url: str, relay: Relay) -> None:
    """The scheme says how it is encrypted, and each has the port that is usual for it."""
    assert read(set_to, SMTP_URL=url).mailing.relay == relay


def test_a_sender_may_have_a_name(set_to: pytest.MonkeyPatch) -> None:
    """As it is written in every mail program."""
    sender = read(set_to, MAIL_FROM="Exports <exports@example.com>").mailing.sender
    assert sender == Sender(name="Exports", address="exports@example.com")


WRONG = {
    "WEBHOOK_ALLOW": ["10.1.0.1/16", "everywhere", "10.0.0.0/8;10.1.0.0/16"],
    "TRUSTED_PROXIES": ["10.1.0.1/16", "proxy.example", "*", "10.0.0.1,,10.0.0.2"],
    "ACCEL_REDIRECT": ["objects/", "/objects", "/", "/a b/", "/objects/"],  # the last for want of a proxy
    "CA_FILE": ["/nowhere/ca.pem"],
    "SMTP_URL": [
        "mail.example",
        "http://hunter2@mail.example",
        "smtp://",
        "smtp://mail.example/hunter2",
        "smtp://mail.example:0",
        "smtp://mail.example:hunter2",
        "smtps://hunter2@mail.example",
        "smtp://me:hunter2@mail.example",
    ],
    "MAIL_FROM": ["nobody", "a@b@c d", "x <a@b>\r\nBcc: c@d", "Exports <exports>"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_setting_is_named(set_to: pytest.MonkeyPatch, name: str, value: str) -> None:
    """With its rule, and never with a value that may be a password."""
    with pytest.raises(Unusable, match=rf"^these settings cannot be used:\n  DAYFILE_{name}: ") as raised:
        read(set_to, **{name: value})
    assert "hunter2" not in str(raised.value)


def test_all_wrong_settings_are_told_together(set_to: pytest.MonkeyPatch) -> None:
    """One start for all of them, not one for each."""
    with pytest.raises(Unusable) as raised:
        read(set_to, **{name: values[0] for name, values in WRONG.items()}, PORT="99999")
    assert all(f"DAYFILE_{name}: " in str(raised.value) for name in (*WRONG, "PORT"))


def test_no_secret_is_in_a_repr(set_to: pytest.MonkeyPatch) -> None:
    """Somebody will log it."""
    settings = read(set_to, SMTP_URL="smtps://me:hunter2@mail.example", SECRET_KEY="ab" * 32)
    shown = f"{settings!r} {settings.mailing!r} {settings}"
    assert "hunter2" not in shown
    assert "abab" not in shown


def test_an_authority_is_read_at_the_start(set_to: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file that is there and is one."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    assert read(set_to, CA_FILE=str(tmp_path / "ca.pem")).ca_file == tmp_path / "ca.pem"
