from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.web.client_address import TrustedProxies
from dayfile.web.login_delays import USUAL_DELAYS, LoginDelays

KNOWN = TrustedProxies((ip_network("10.0.0.1/32"),))
CUSTOMER, ATTACKER, STRANGER = "203.0.113.1", "198.51.100.2", "192.0.2.3"
SID = "AC" + "0" * 32

names = st.text(max_size=80)
clients = st.ip_addresses().map(str) | st.just("")
attempts = st.lists(st.tuples(names, clients, st.floats(0, 600)), max_size=60)


def some_delays(*, proxies: TrustedProxies = KNOWN, most_counted: int = 10_000) -> LoginDelays:
    """Delays by the usual rule."""
    return LoginDelays(USUAL_DELAYS, proxies=proxies, most_counted=most_counted)


def seconds_of(delays: LoginDelays, *clients: str, username: str = SID, now: float = 0.0) -> list[float]:
    """The delays of failures, one after the other."""
    return [delays.fail(username, client=client, now=now).seconds for client in clients]


def test_the_first_failures_are_free_and_each_further_one_doubles_the_delay() -> None:
    """A user who mistypes a password notices nothing; one who goes on needs hours for what took seconds."""
    assert seconds_of(some_delays(), *[ATTACKER] * 11) == [0, 0, 0, 0.25, 0.5, 1, 2, 4, 8, 8, 8]


def test_a_client_is_delayed_whatever_names_it_tries() -> None:
    """One password for all accounts is tried as often as all passwords for one."""
    delays = some_delays()
    assert [delays.fail(f"AC{n:032x}", client=ATTACKER, now=0).seconds for n in range(5)] == [0, 0, 0, 0.25, 0.5]


def test_a_name_is_delayed_whatever_clients_try_it() -> None:
    """A thousand rented machines guess at one account together."""
    assert seconds_of(some_delays(), *[f"198.51.100.{n}" for n in range(5)]) == [0, 0, 0, 0.25, 0.5]


def test_addresses_of_one_ipv6_network_are_one_client() -> None:
    """Everybody has 2**64 of them."""
    delays = some_delays()
    assert [delays.fail(f"AC{n:032x}", client=f"2001:db8::{n}", now=0).seconds for n in range(5)][-1] == 0.5


def test_others_are_not_delayed() -> None:
    """The count is of whoever fails, and of nobody else."""
    delays = some_delays()
    seconds_of(delays, *[ATTACKER] * 20)
    assert seconds_of(delays, STRANGER, username="AC" + "1" * 32) == [0]


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.0.0.9", "::1", "fd00::1", ""])
def test_a_near_peer_counts_by_address_only_where_proxies_are_known(peer: str) -> None:
    """It may be a proxy that nobody named: a count of its address would be one of all customers."""
    nobody_known, known = some_delays(proxies=TrustedProxies()), some_delays()
    for delays, delayed in ((nobody_known, False), (known, True)):
        last = [delays.fail(f"AC{n:032x}", client=peer, now=0).seconds for n in range(9)][-1]
        assert (last > 0) is delayed
    assert seconds_of(nobody_known, *[peer] * 9)[-1] == 8


def test_a_minute_of_quiet_halves_what_was_counted() -> None:
    """A user who was delayed in the morning starts afresh after lunch."""
    delays = some_delays()
    seconds_of(delays, *[ATTACKER] * 8)
    assert delays.fail(SID, client=ATTACKER, now=60).failures == 5
    assert delays.fail(SID, client=ATTACKER, now=60 + 600).failures == 1


@given(attempts)
def test_ten_minutes_of_quiet_end_every_delay(attempts: list[tuple[str, str, float]]) -> None:
    """Nobody is locked out for longer, however many failures there were."""
    delays = some_delays()
    for name, client, now in attempts:
        delays.fail(name, client=client, now=now)
    assert delays.fail(SID, client=CUSTOMER, now=1200 + 1).seconds == 0


@given(attempts)
def test_no_delay_is_longer_than_the_longest(attempts: list[tuple[str, str, float]]) -> None:
    """An answer that is held for longer than clients wait is one that they ask for again."""
    delays = some_delays()
    for name, client, now in attempts * 3:
        assert 0 <= delays.fail(name, client=client, now=now).seconds <= USUAL_DELAYS.longest_seconds


@given(attempts)
def test_what_is_remembered_is_bounded(attempts: list[tuple[str, str, float]]) -> None:
    """Names and addresses are the attacker's choice, and there is no end of them."""
    delays = some_delays(most_counted=5)
    for name, client, now in attempts:
        delays.fail(name * 1000, client=client, now=now)
    assert delays.counted <= 10


def test_the_success_of_a_customer_ends_its_own_mistakes() -> None:
    """The next time, it may mistype again."""
    delays = some_delays()
    seconds_of(delays, *[CUSTOMER] * 3)
    delays.succeed(SID, client=CUSTOMER)
    assert delays.fail(SID, client=STRANGER, now=0).failures == 1


@pytest.mark.parametrize("order", [[ATTACKER] * 4, [ATTACKER] * 4 + [CUSTOMER], [CUSTOMER] + [ATTACKER] * 4])
def test_the_success_of_a_customer_does_not_end_the_count_of_an_attacker(order: list[str]) -> None:
    """A customer logs in all day; an attacker would wait for it."""
    delays = some_delays()
    seconds_of(delays, *order)
    delays.succeed(SID, client=CUSTOMER)
    assert delays.fail(SID, client=STRANGER, now=0).failures == len(order) + 1


def test_credentials_of_their_own_do_not_end_the_count_of_an_attacker() -> None:
    """Anybody can be a customer: a right login between any two guesses is easily had."""
    delays = some_delays()
    for number in range(8):
        delays.fail(f"AC{number:032x}", client=ATTACKER, now=0)
        delays.succeed(SID, client=ATTACKER)
    assert delays.fail(SID, client=ATTACKER, now=0).seconds == 8


def test_behind_an_unknown_proxy_no_success_ends_a_count() -> None:
    """Attacker and customer have the same address there."""
    delays = some_delays(proxies=TrustedProxies())
    seconds_of(delays, *["127.0.0.1"] * 4)
    delays.succeed(SID, client="127.0.0.1")
    assert delays.fail(SID, client="127.0.0.1", now=0).failures == 5


def test_failures_from_many_threads_are_all_counted() -> None:
    """Logins are checked in threads; one that is not counted is a free guess."""
    delays = some_delays()

    def fail(_: int) -> int:
        delays.succeed("AC" + "1" * 32, client=CUSTOMER)
        return delays.fail(SID, client=ATTACKER, now=0).failures

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(fail, range(16))) == list(range(1, 17))
