"""Receivers that mean harm, or are broken: each has its outcome, and none holds an attempt beyond its limit.

A test that hangs shows that a limit does not hold.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from dayfile.model.notice import ANSWER_BYTES, Result
from tests.support.receiver import Behaviour, Connection, Receiver, answers, receiving
from tests.support.told import LOOPBACK, deliver, destinations

LIMIT_SECONDS = 0.3
LIMIT_AFTER_AN_ANSWER = 2.0  # so long that a busy machine gets as far as the answer
TOO_LATE = f"no answer within {LIMIT_SECONDS:g} seconds"
OK_HEAD = "HTTP/1.1 200 OK\r\n"


@pytest.fixture
def canary() -> Iterator[Receiver]:
    """Start a receiver that must not be reached."""
    with receiving() as receiver:
        yield receiver


def never_answers(connection: Connection) -> None:
    """Take the request and be silent."""
    connection.stopping.wait()


def a_head_byte_by_byte(connection: Connection) -> None:
    """Be alive, but never done."""
    connection.drip(OK_HEAD + "X-Padding: " + "x" * 1000)


def a_head_without_end(connection: Connection) -> None:
    """Send headers as fast as they are read."""
    connection.send(OK_HEAD)
    while True:
        connection.send("X-Padding: " + "x" * 1000 + "\r\n")


def one_header_without_end(connection: Connection) -> None:
    """The same, with one line."""
    connection.send(OK_HEAD + "X-Padding: ")
    while True:
        connection.send("x" * 10_000)


def interim_answers_without_end(connection: Connection) -> None:
    """Say that the answer will come, for ever."""
    while True:
        connection.send("HTTP/1.1 102 Processing\r\n\r\n" * 100)


def hangs_up(connection: Connection) -> None:
    """Take the request and leave."""
    connection.socket.shutdown(socket.SHUT_RDWR)


def does_not_speak_http(connection: Connection) -> None:
    """Something else listens there."""
    connection.send("-ERR unknown command\r\n\r\n")


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (never_answers, TOO_LATE),
        (a_head_byte_by_byte, TOO_LATE),
        (interim_answers_without_end, TOO_LATE),
        (a_head_without_end, "no answer: "),
        (one_header_without_end, "no answer: "),
        (hangs_up, "no answer: Server disconnected without sending a response."),
        (does_not_speak_http, "no answer: "),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_receiver_that_gives_no_answer_has_failed(behaviour: Behaviour, error: str) -> None:
    """And the next one is served by this thread: no receiver holds it longer than the limit."""
    with receiving(behaviour) as receiver:
        outcome = deliver(receiver.url, seconds=LIMIT_SECONDS if error is TOO_LATE else 10)
    assert (outcome.result, outcome.status, outcome.answer) == (Result.FAILED, None, b"")
    assert outcome.error is not None
    assert outcome.error.startswith(error)


def a_body_byte_by_byte(connection: Connection) -> None:
    """Say that it went well, and go on about it."""
    connection.send(OK_HEAD + "\r\n")
    connection.drip("thank you " * 100)


def a_body_without_end(connection: Connection) -> None:
    """The same, fast."""
    connection.send(OK_HEAD + "\r\n")
    while True:
        connection.send("thank you " * 1000)


def a_body_that_does_not_come(connection: Connection) -> None:
    """Promise a body, and be silent."""
    connection.send(OK_HEAD + "Content-Length: 10\r\n\r\nthank")
    connection.stopping.wait()


def a_broken_body(connection: Connection) -> None:
    """Chunks that are none."""
    connection.send(OK_HEAD + "Transfer-Encoding: chunked\r\n\r\n5\r\nthank\r\nwhatever\r\n")


@pytest.mark.parametrize(
    "behaviour",
    [a_body_byte_by_byte, a_body_without_end, a_body_that_does_not_come, a_broken_body],
    ids=lambda value: value.__name__,
)
def test_what_follows_a_good_status_does_not_matter(behaviour: Behaviour) -> None:
    """The receiver has the notice and said so; telling it again because its body is odd would only double it."""
    with receiving(behaviour) as receiver:
        outcome = deliver(receiver.url, seconds=LIMIT_AFTER_AN_ANSWER)
    assert (outcome.result, outcome.status) == (Result.DELIVERED, 200)
    assert outcome.answer.startswith(b"thank")
    assert len(outcome.answer) <= ANSWER_BYTES


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_leads_nowhere(status: int, canary: Receiver) -> None:
    """It is how a public receiver would make this server call a private one."""
    with receiving(answers(status, Location=f"{canary.url}/latest/meta-data/")) as receiver:
        outcome = deliver(receiver.url)
    assert outcome.result is Result.FAILED
    assert outcome.error == f"the receiver answered {status}, and redirects are not followed"
    assert canary.connections == 0


def test_a_connection_that_is_refused_is_a_failure() -> None:
    """The commonest trouble of all: the receiver is being deployed."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    outcome = deliver(f"http://127.0.0.1:{port}/")
    assert (outcome.result, outcome.error) == (Result.FAILED, "no connection: Connection refused")


def test_a_connection_that_is_not_taken_up_ends_at_the_limit() -> None:
    """A firewall that drops packets looks like this; so does TLS with a server that says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        outcome = deliver(f"https://127.0.0.1:{silent.getsockname()[1]}/", seconds=LIMIT_SECONDS)
    assert (outcome.result, outcome.error) == (Result.FAILED, TOO_LATE)


def test_a_name_without_addresses_is_a_failure() -> None:
    """Name servers are away at times: it is tried again."""
    outcome = deliver("https://nowhere.example/", to=destinations())
    assert (outcome.result, outcome.error) == (Result.FAILED, "the host name does not resolve")


def test_a_name_that_leads_elsewhere_the_second_time_leads_nowhere(canary: Receiver) -> None:
    """DNS rebinding: public when the job is made, private when it is called."""
    to = destinations(rebinding_example=[["93.184.215.14"], ["127.0.0.1"]])
    url = f"http://rebinding.example:{canary.port}/"
    to.check(url)
    outcome = deliver(url, to=to)
    assert (outcome.result, outcome.status) == (Result.FAILED, None)
    assert outcome.error == "the URL of a webhook must lead to public addresses only"
    assert canary.connections == 0


def test_a_name_is_resolved_once_for_each_attempt() -> None:
    """Between two look-ups its owner could give another address: the one that was checked is the one that is called."""
    to = destinations(*LOOPBACK, hook_example=[["127.0.0.1"], ["10.0.0.1"]])
    with receiving() as receiver:
        outcome = deliver(f"http://hook.example:{receiver.port}/", to=to)
    assert outcome.result is Result.DELIVERED
    assert receiver.received[0].headers["host"] == f"hook.example:{receiver.port}"


def test_one_private_address_among_public_ones_is_enough_to_refuse(canary: Receiver) -> None:
    """Otherwise whoever owns the name only has to make the public one not answer."""
    to = destinations(mixed_example=[["93.184.215.14", "127.0.0.1"]])
    outcome = deliver(f"http://mixed.example:{canary.port}/", to=to)
    assert outcome.error == "the URL of a webhook must lead to public addresses only"
    assert canary.connections == 0


def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    """A receiver with two machines is reachable while one of them is."""
    with receiving() as receiver:
        to = destinations(*LOOPBACK, hook_example=[["::1", "127.0.0.1"]])
        assert deliver(f"http://hook.example:{receiver.port}/", to=to).result is Result.DELIVERED
