from __future__ import annotations

from contextlib import ExitStack

import pytest

from dayfile.api.body_room import BodyRoom, Share
from dayfile.errors import TooManyRequests
from dayfile.model.account import Account, AccountSid, AccountState
from dayfile.model.credential import Caller
from tests.support.clock import FakeClock
from tests.support.state import a_sid

OPERATOR = Caller(credential="SK", account=None, scopes=frozenset(), permissions=frozenset())


def a_customer(name: str, parent: str | None = None) -> Caller:
    """A caller with an account."""
    account = Account(
        sid=AccountSid(a_sid("AC", name)),
        parent=None if parent is None else AccountSid(a_sid("AC", parent)),
        state=AccountState.ACTIVE,
        friendly_name="",
        email=None,
        created_at=FakeClock().now(),
    )
    return Caller(credential=account.sid, account=account, scopes=frozenset(), permissions=frozenset())


def refused(share: Share, size: int) -> bool:
    """Return True if there is no room for so many bytes more."""
    try:
        share.hold(size)
    except TooManyRequests as error:
        return error.retry_after is not None
    return False


def test_the_operator_may_use_everything() -> None:
    """The platform's own batches come with few keys, and must not be held back while there is memory."""
    room = BodyRoom(limit_bytes=1000, limit_streams=8)
    with room.share(OPERATOR) as first, room.share(OPERATOR) as second:
        assert [refused(first, 600), refused(second, 400), refused(second, 1)] == [False, False, True]


def test_a_family_of_accounts_has_a_quarter() -> None:
    """One customer with many connections, and with many subaccounts, leaves room for the others."""
    room = BodyRoom(limit_bytes=1000, limit_streams=8)
    with ExitStack() as held:
        parent, child, other = (
            held.enter_context(room.share(a_customer(*names))) for names in (("a",), ("b", "a"), ("c",))
        )
        assert [refused(parent, 200), refused(child, 50), refused(child, 1), refused(other, 250)] == [
            *(False, False, True, False)
        ]


def test_customers_together_leave_a_quarter_to_the_operator() -> None:
    """However many customers send at once, the platform's records come in."""
    room = BodyRoom(limit_bytes=1000, limit_streams=8)
    with ExitStack() as held:
        customers = [held.enter_context(room.share(a_customer(f"{n}"))) for n in range(4)]
        assert [refused(share, 250) for share in customers] == [False, False, False, True]
        assert not refused(held.enter_context(room.share(OPERATOR)), 250)


def test_streams_are_shared_in_the_same_way() -> None:
    """Each holds a thread for as long as its sender likes."""
    room = BodyRoom(limit_bytes=1000, limit_streams=8)
    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(room.share(a_customer("a"))).begin_stream()
        with pytest.raises(TooManyRequests):
            held.enter_context(room.share(a_customer("child", "a"))).begin_stream()
        held.enter_context(room.share(a_customer("b"))).begin_stream()


def test_a_share_that_ends_gives_everything_back() -> None:
    """Also after a refusal in the middle: otherwise the room shrinks until nothing is taken."""
    room = BodyRoom(limit_bytes=1000, limit_streams=1)
    for sender in (OPERATOR, a_customer("a")):
        for _ in range(3):
            with room.share(sender) as share:
                assert not refused(share, 250)
                assert refused(share, 1000)
    with room.share(OPERATOR) as share:
        share.begin_stream()
        assert not refused(share, 1000)
