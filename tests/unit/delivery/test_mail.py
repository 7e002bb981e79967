"""E-mail on its way: what a relay gets, and what its words mean."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from urllib.parse import quote

import pytest
import trustme

from dayfile.clock import SystemClock
from dayfile.delivery.letter import Letters
from dayfile.delivery.mail import SmtpTransport
from dayfile.delivery.relay import Sender, parse_relay
from dayfile.model.notice import Channel, Notice, Outcome, Result
from tests.support.clock import NOON
from tests.support.mailbox import PASSWORD, mail_server
from tests.support.told import CREDENTIALS, EVENT, NamesOf, a_notice

CA = trustme.CA()
LOGIN = f"dayfile:{quote(PASSWORD, safe='')}@"
LIMIT_SECONDS = 0.3

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # aiosmtpd's, of its user


def a_mail() -> Notice:
    """A notice to somebody's mailbox."""
    return replace(a_notice("someone@example.com", method=None), channel=Channel.MAIL)


def server_side(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Return the TLS context of a relay with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def send(url: str, *, seconds: float = 10) -> Outcome:
    """One attempt through the relay at a URL; `relay.example` is this machine."""
    trusted = ssl.create_default_context()
    CA.configure_trust(trusted)
    transport = SmtpTransport(
        parse_relay(url),
        Letters(sender=Sender(name="Exports", address="exports@example.org"), public_url="https://logs.example.org"),
        trusted=trusted,
        resolver=NamesOf({"relay.example": [["::1", "127.0.0.1"]]}),
        clock=SystemClock(),
        seconds=seconds,
    )
    return transport.deliver(a_mail(), attempt=1, credentials=CREDENTIALS, now=NOON)


def test_a_relay_takes_one_letter() -> None:
    """The envelope is what bounces go by, and the id what a mailbox knows a repeated letter by."""
    with mail_server() as mailbox:
        outcome = send(f"smtp://relay.example:{mailbox.port}")
    assert (outcome.result, outcome.status, outcome.error) == (Result.DELIVERED, 250, None)
    assert outcome.answer == b"2.0.0 kept as 1A2B"
    assert mailbox.envelopes == [("exports@example.org", ["someone@example.com"])]
    assert mailbox.message()["From"] == "Exports <exports@example.org>"
    assert mailbox.message()["Message-ID"] == f"<{EVENT}@example.org>"


@pytest.mark.parametrize("user", ["", LOGIN], ids=["nobody", "login"])
def test_the_way_to_the_relay_may_be_encrypted_from_the_start(user: str) -> None:
    """smtps://, with a certificate of the relay's name."""
    with mail_server(tls=server_side(CA.issue_cert("relay.example")), login=bool(user)) as mailbox:
        outcome = send(f"smtps://{user}relay.example:{mailbox.port}")
    assert (outcome.result, outcome.error) == (Result.DELIVERED, None)
    assert mailbox.logins == (["dayfile"] if user else [])


@pytest.mark.parametrize("user", ["", LOGIN], ids=["nobody", "login"])
def test_the_way_to_the_relay_may_be_encrypted_after_a_word(user: str) -> None:
    """smtp+starttls://, which most relays offer."""
    with mail_server(starttls=server_side(CA.issue_cert("relay.example")), login=bool(user)) as mailbox:
        outcome = send(f"smtp+starttls://{user}relay.example:{mailbox.port}")
    assert (outcome.result, outcome.error) == (Result.DELIVERED, None)
    assert mailbox.logins == (["dayfile"] if user else [])


def test_a_login_may_go_to_this_machine_in_the_clear() -> None:
    """A relay on the same machine has no certificate."""
    with mail_server(login=True) as mailbox:
        assert send(f"smtp://{LOGIN}127.0.0.1:{mailbox.port}").result is Result.DELIVERED
    assert mailbox.logins == ["dayfile"]


def test_nothing_is_sent_in_the_clear_that_should_be_encrypted() -> None:
    """A relay, or somebody before it, that does not offer STARTTLS must not get the password or the letter."""
    with mail_server(login=True) as mailbox:
        outcome = send(f"smtp+starttls://{LOGIN}relay.example:{mailbox.port}")
    assert (outcome.result, mailbox.logins, mailbox.came) == (Result.FAILED, [], [])
    assert outcome.error == "the mail server cannot be used: STARTTLS extension not supported by server."


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_relay_with_another_name_gets_nothing(scheme: str) -> None:
    """A stranger in between would read the password."""
    other = server_side(CA.issue_cert("other.example"))
    with mail_server(**{"tls" if scheme == "smtps" else "starttls": other}, login=True) as mailbox:  # type: ignore[arg-type]
        outcome = send(f"{scheme}://{LOGIN}relay.example:{mailbox.port}")
    assert (outcome.result, mailbox.logins, mailbox.came) == (Result.FAILED, [], [])
    assert outcome.error is not None
    assert "the certificate cannot be trusted: Hostname mismatch" in outcome.error


@pytest.mark.parametrize(
    ("step", "answer", "result", "refused"),
    [
        ("MAIL", "451 4.3.0 later", Result.FAILED, "the sender"),
        ("MAIL", "550 5.1.0 not you", Result.FAILED, "the sender"),
        ("RCPT", "450 4.2.1 later", Result.FAILED, "the recipient"),
        ("RCPT", "550 5.1.1 no such user", Result.STOPPED, "the recipient"),
        ("RCPT", "550 no such user", Result.STOPPED, "the recipient"),
        ("RCPT", "554 5.7.1 relay access denied", Result.FAILED, "the recipient"),
        ("DATA", "452 4.3.1 no space", Result.FAILED, "the letter"),
        ("DATA", "554 5.6.0 not like this", Result.STOPPED, "the letter"),
        ("DATA", "550 5.7.1 looks like spam", Result.FAILED, "the letter"),
    ],
)
def test_a_refusal_is_final_where_trying_again_would_do_harm(
    step: str, answer: str, result: Result, refused: str
) -> None:
    """Of this letter or its recipient it is; what the operator can mend is tried again."""
    with mail_server(**{step: answer}) as mailbox:  # type: ignore[arg-type]
        outcome = send(f"smtp://relay.example:{mailbox.port}")
    assert (outcome.result, outcome.status) == (result, int(answer[:3]))
    assert outcome.error == f"the mail server refused {refused}: {answer}"
    assert mailbox.came == []


def test_a_wrong_password_is_the_operators_to_mend() -> None:
    """Nobody's notice is given up because of it."""
    with mail_server(login=True) as mailbox:
        outcome = send(f"smtp://dayfile:wrong@127.0.0.1:{mailbox.port}")
    assert (outcome.result, outcome.status, mailbox.came) == (Result.FAILED, 535, [])
    assert outcome.error is not None
    assert outcome.error.startswith("the mail server refused Dayfile: 535 ")
    assert "wrong" not in outcome.error


Conversation = Callable[[socket.socket, threading.Event], None]


@contextmanager
def relay_that(behaves: Conversation) -> Iterator[int]:
    """A server that does this with whoever connects; its port."""
    stopping = threading.Event()

    def serve() -> None:
        with suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                behaves(connection, stopping)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, name="relay")
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            stopping.set()
            thread.join()


def says_nothing(_: socket.socket, stopping: threading.Event) -> None:
    """Not even its name."""
    stopping.wait()


def greets_byte_by_byte(connection: socket.socket, stopping: threading.Event) -> None:
    """Slower than anybody can wait."""
    while not stopping.wait(0.02):
        connection.sendall(b"2")


def greets_for_ever(connection: socket.socket, stopping: threading.Event) -> None:
    """Line after line, and each could be the last."""
    while not stopping.wait(0.02):
        connection.sendall(b"220-welcome\r\n")


@pytest.mark.parametrize("behaves", [says_nothing, greets_byte_by_byte, greets_for_ever], ids=lambda it: it.__name__)
def test_a_relay_that_is_not_done_holds_nobody_beyond_the_limit(behaves: Conversation) -> None:
    """The limit is for the whole conversation; a test that hangs shows that it does not hold."""
    with relay_that(behaves) as port:
        outcome = send(f"smtp://relay.example:{port}", seconds=LIMIT_SECONDS)
    assert (outcome.result, outcome.error) == (Result.FAILED, "the mail server was not done within 0.3 seconds")


def take_the_letter(connection: socket.socket) -> None:
    """Say all that a relay says until it has all of a letter."""
    connection.sendall(b"220 here\r\n")
    with connection.makefile("rb") as lines:
        for answer in (b"250 hello\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n"):
            lines.readline()
            connection.sendall(answer)
        while lines.readline() not in (b".\r\n", b""):
            pass


def hangs_up_before_its_last_word(connection: socket.socket, _: threading.Event) -> None:
    """Take the letter, and be gone: nobody knows whether it has it."""
    take_the_letter(connection)


def test_a_letter_that_may_have_arrived_is_sent_again() -> None:
    """Twice is better than never, and the message id is the same: most mailboxes show one."""
    with relay_that(hangs_up_before_its_last_word) as port:
        outcome = send(f"smtp://relay.example:{port}")
    assert (outcome.result, outcome.status) == (Result.FAILED, None)
    assert outcome.error == "the mail server cannot be used: Connection unexpectedly closed"


def keeps_silent_after_its_last_word(connection: socket.socket, stopping: threading.Event) -> None:
    """Take the letter and say so, and then not even goodbye."""
    take_the_letter(connection)
    connection.sendall(b"250 kept\r\n")
    stopping.wait()


def test_a_relay_need_not_say_goodbye() -> None:
    """It has the letter: a second one would be the harm."""
    with relay_that(keeps_silent_after_its_last_word) as port:
        assert send(f"smtp://relay.example:{port}", seconds=2).result is Result.DELIVERED


def test_a_relay_that_is_away_is_a_failure() -> None:
    """It is restarted, or its name does not resolve for a while."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    assert send(f"smtp://127.0.0.1:{port}").error == "the mail server cannot be used: Connection refused"
    nowhere = send("smtp://nowhere.example")
    assert nowhere.error == "no connection to the mail server: the host name does not resolve"
    assert nowhere.result is Result.FAILED
