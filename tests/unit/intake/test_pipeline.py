"""Batches taken in: what is accepted, what is refused and kept, and what a batch that breaks off leaves."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import pytest

from dayfile.errors import DayfileError, Forbidden, InFlight, InvalidBody, TooLarge
from dayfile.intake.body import Compression
from dayfile.intake.pipeline import Answer, Intake
from dayfile.model.account import Account, AccountSid, AccountState
from dayfile.model.credential import Caller, Scope
from dayfile.model.receipt import LISTED_REJECTIONS, RejectionFilter
from dayfile.model.resource import CALLS, MESSAGES
from tests.support.intake import OPERATOR, Place, a_delivery, caller_of
from tests.support.records import Sent
from tests.support.state import a_sid, an_account

DAY, NEXT = "2026-11-01", "2026-11-02"


def _message(account: str, name: str = "m", *, day: str = DAY, body: str = "hello", second: int = 0) -> Sent:
    return Sent(account=account, name=name, created=f"{day}T10:00:00Z", updated=f"{day}T10:00:{second:02}Z", body=body)


def _bodies(lines: list[bytes]) -> list[str]:
    return [json.loads(line)["body"] for line in lines]


def test_a_receipt_counts_lines_that_are_durable(place: Place, intake: Intake, acme: Account) -> None:
    """A receipt is the sender's proof: what it counts can be read back from the disk."""
    receipt = intake.accept(a_delivery([_message(acme.sid, "a"), _message(acme.sid, "b", body="two")]))
    assert (receipt.accepted, receipt.rejected, receipt.refusals) == (2, 0, ())
    assert receipt.sid[:2] == "RC"
    assert _bodies(place.waiting()[DAY]) == ["hello", "two"]


def test_an_empty_body_is_a_batch_of_nothing(place: Place, intake: Intake) -> None:
    """A sender with nothing to say is not at fault, and costs no segment."""
    receipt = intake.accept(a_delivery(b"\n \n"))
    assert (receipt.accepted, receipt.rejected, receipt.is_refused) == (0, 0, False)
    assert place.waiting() == {}


def test_a_batch_is_sorted_by_day(place: Place, intake: Intake, acme: Account) -> None:
    """Sealing takes whole days: a line under another day would be in no export."""
    intake.accept(a_delivery([_message(acme.sid, f"{n}", day=DAY if n % 2 else NEXT, body=f"{n}") for n in range(6)]))
    assert {day: _bodies(lines) for day, lines in place.waiting().items()} == {
        DAY: ["1", "3", "5"],
        NEXT: ["0", "2", "4"],
    }


def test_a_bad_line_does_not_spoil_its_batch(place: Place, intake: Intake, acme: Account) -> None:
    """One broken record of a million must not stop the others, and must not be lost without a word."""
    good = _message(acme.sid)
    receipt = intake.accept(a_delivery(good.line() + b"\nnonsense\n\n" + b'{"sid":"SM1"}\n'))
    assert (receipt.accepted, receipt.rejected) == (1, 2)
    assert [(refusal.line_number, refusal.field) for refusal in receipt.refusals] == [(2, None), (4, "sid")]
    assert place.rejected() == [(receipt.sid, 2, b"nonsense"), (receipt.sid, 4, b'{"sid":"SM1"}')]


def test_a_receipt_holds_nothing_of_what_was_sent(place: Place, intake: Intake, acme: Account) -> None:
    """Senders log receipts: a message's text must not get into logs by being refused."""
    secret = json.loads(_message(acme.sid).line()) | {"date_created": "my secret"}
    receipt = intake.accept(a_delivery(json.dumps(secret).encode()))
    assert "secret" not in repr(receipt)
    assert b"secret" in place.rejected()[0][2]


def test_a_receipt_names_the_first_thousand_rejections_and_all_are_kept(place: Place, intake: Intake) -> None:
    """An answer has a bounded size; what is kept is everything."""
    receipt = intake.accept(a_delivery(b"{}\n" * (LISTED_REJECTIONS + 5)))
    assert receipt.is_refused
    assert receipt.rejected == LISTED_REJECTIONS + 5 == len(place.rejected())
    assert [refusal.line_number for refusal in receipt.refusals] == list(range(1, LISTED_REJECTIONS + 1))


def test_lines_of_unknown_accounts_are_refused_and_wait_for_them(place: Place, intake: Intake, acme: Account) -> None:
    """A platform may send before the account is set up here: its records wait, with the account's name on them."""
    unknown = AccountSid(a_sid("AC", "not yet"))
    receipt = intake.accept(a_delivery([_message(unknown), _message(acme.sid), _message(unknown, "b")]))
    assert (receipt.accepted, receipt.rejected) == (1, 2)
    assert [(refusal.line_number, refusal.field) for refusal in receipt.refusals] == [
        (1, "account_sid"),
        (3, "account_sid"),
    ]
    with place.database.snapshot() as tx:
        assert len(tx.rejections.listed(matching=RejectionFilter(account=unknown), limit=9)) == 2


def test_an_account_made_meanwhile_is_known_at_once(place: Place, intake: Intake) -> None:
    """Only "yes" is remembered about an account: a "no" may be wrong a moment later."""
    sid = a_sid("AC", "new")
    assert intake.accept(a_delivery([_message(sid)])).rejected == 1
    an_account(place.database, "new")
    assert intake.accept(a_delivery([_message(sid)])).accepted == 1


def test_records_of_suspended_accounts_are_taken_in(place: Place, intake: Intake, acme: Account) -> None:
    """Suspending stops a customer from asking, not a platform from logging: the days must be complete afterwards."""
    with place.database.transaction() as tx:
        tx.accounts.set_state(acme.sid, AccountState.SUSPENDED)
    assert intake.accept(a_delivery([_message(acme.sid)])).accepted == 1


def test_writing_needs_the_operator(intake: Intake, acme: Account) -> None:
    """Nobody edits the evidence that they export, unless the operator allows it."""
    without_scope = Caller(
        credential="SK" + "1" * 32, account=None, scopes=frozenset({Scope.ACCOUNTS}), permissions=frozenset()
    )
    for caller in (caller_of(acme), without_scope):
        with pytest.raises(Forbidden, match="intake"):
            intake.submit(a_delivery([_message(acme.sid)], caller=caller))


def test_an_account_that_may_write_writes_for_itself_and_its_subaccounts(place: Place, acme: Account) -> None:
    """Its lines for others are refused one by one, in words that do not tell whether those others exist."""
    sub = an_account(place.database, "sub", parent=acme.sid)
    other = an_account(place.database, "other")
    with place.process(accounts_may_write=True) as intake:
        sent = [_message(sid) for sid in (acme.sid, sub.sid, other.sid, a_sid("AC", "nobody"))]
        receipt = intake.accept(a_delivery(sent, caller=caller_of(acme)))
        assert (receipt.accepted, receipt.rejected) == (2, 2)
        assert [refusal.line_number for refusal in receipt.refusals] == [3, 4]
        assert len({refusal.reason for refusal in receipt.refusals}) == 1
        up = intake.accept(a_delivery([_message(acme.sid)], caller=caller_of(sub)))
        assert (up.accepted, up.rejected) == (0, 1)
    with place.database.snapshot() as tx:
        assert tx.rejections.listed(matching=RejectionFilter(account=other.sid), limit=9) == []


def test_a_subaccount_made_meanwhile_is_known_at_once(place: Place, acme: Account) -> None:
    """As with the operator's: the family of an account is asked for again when a stranger's line comes."""
    with place.process(accounts_may_write=True) as intake:
        assert intake.accept(a_delivery([_message(acme.sid)], caller=caller_of(acme))).accepted == 1
        sub = an_account(place.database, "sub", parent=acme.sid)
        assert intake.accept(a_delivery([_message(sub.sid)], caller=caller_of(acme))).accepted == 1


def test_lines_of_an_account_keep_their_order_when_it_becomes_known_midway(place: Place, acme: Account) -> None:
    """Of two versions with the same time the later one counts, also if its account was looked up in between."""
    other = an_account(place.database, "other")

    def blocks(intake: Intake) -> Iterator[Sent]:
        yield _message(other.sid, body="first")
        # Another batch teaches this process the account while this one is being read.
        intake.accept(a_delivery([_message(other.sid, "another")]))
        yield _message(other.sid, body="second")

    with place.process() as intake:
        intake.accept(a_delivery(blocks(intake)))
    assert [body for body in _bodies(place.waiting()[DAY]) if body != "hello"] == ["first", "second"]


def test_resource_types_do_not_mix(place: Place, intake: Intake, acme: Account) -> None:
    """A message is no call, whatever the address says: it is refused and filed as what it was sent as."""
    assert intake.accept(a_delivery([_message(acme.sid)], resource_type=CALLS)).is_refused
    with place.database.snapshot() as tx:
        assert [one.resource_type for one in tx.rejections.listed(limit=9)] == ["Calls"]
    assert place.waiting(MESSAGES) == {}


@pytest.mark.parametrize("part_bytes", [1, 700, 1 << 30])
def test_a_batch_larger_than_memory_counts_as_one(place: Place, acme: Account, part_bytes: int) -> None:
    """However many segments a body makes while it streams, they count together and keep their order."""
    sent = [_message(acme.sid, f"{n % 7}", day=DAY if n % 3 else NEXT, body=f"{n}") for n in range(60)]
    with place.process(part_bytes=part_bytes) as intake:
        receipt = intake.accept(a_delivery([*sent[:30], b"bad\n", *sent[30:]]))
    assert (receipt.accepted, receipt.rejected) == (60, 1)
    waiting = {day: [int(body) for body in _bodies(lines)] for day, lines in place.waiting().items()}
    assert waiting == {DAY: [n for n in range(60) if n % 3], NEXT: list(range(0, 60, 3))}
    assert place.unaccounted() == []


def _cut(whole: bytes) -> Iterator[bytes]:
    yield whole[: len(whole) // 2]
    raise ConnectionResetError("the sender went away")


@pytest.mark.parametrize("part_bytes", [1000, 1 << 30])
def test_a_body_that_breaks_off_leaves_nothing(place: Place, acme: Account, part_bytes: int) -> None:
    """Half a batch taken in would be half a batch sent twice, and nobody could tell which half."""
    # Incompressible, so that parts are objects.
    sent = [_message(acme.sid, f"{n}", body=a_sid("", f"{n}") * 40) for n in range(300)]
    whole = b"".join(one.line() + b"\n" for one in sent)
    packed = gzip.compress(whole)
    with place.process(part_bytes=part_bytes) as intake:
        with pytest.raises(ConnectionResetError):
            intake.submit(a_delivery(_cut(whole)))
        for broken in (packed[:-1], packed[: len(packed) // 2], packed[:-8] + b"\0" * 8):
            with pytest.raises(InvalidBody):
                intake.submit(a_delivery(broken, compression=Compression.GZIP))
        assert (place.waiting(), place.rejected(), place.pending()) == ({}, [], 0)
        assert place.unaccounted() == []
        assert intake.accept(a_delivery(packed, compression=Compression.GZIP)).accepted == 300


def test_a_body_over_the_limit_is_refused_as_a_whole(place: Place, acme: Account) -> None:
    """The limit is on what a body is after decompression: a small gzip may hold any amount."""
    bomb = gzip.compress(b"\n" * 2_000_000)
    with place.process(max_body_bytes=1_000_000) as intake, pytest.raises(TooLarge, match="1000000"):
        intake.submit(a_delivery(bomb, compression=Compression.GZIP))
    assert place.waiting() == {}


def test_a_batch_of_rubbish_is_refused_as_a_whole(
    place: Place, intake: Intake, acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused lines are kept in the state database: a whole file of the wrong kind has no place there."""
    monkeypatch.setattr("dayfile.intake.batch.REFUSED_BYTES_LIMIT", 1000)
    with pytest.raises(TooLarge, match="the first is line 2"):
        intake.submit(a_delivery(_message(acme.sid).line() + b"\n" + b"rubbish\n" * 100))
    assert (place.waiting(), place.rejected()) == ({}, [])


def test_a_segment_says_whose_records_are_in_it(place: Place, intake: Intake, acme: Account) -> None:
    """A job is sealed for only if something waits for its account: a missing account would be a missing record."""
    other = an_account(place.database, "other")
    intake.accept(a_delivery([_message(acme.sid), _message(other.sid, day=NEXT)], caller=OPERATOR))
    with place.database.snapshot() as tx:
        days = [tx.segments.days_waiting(sid, MESSAGES, accepted_by=place.clock.now()) for sid in (acme.sid, other.sid)]
    assert [sorted(map(str, found)) for found in days] == [[DAY], [NEXT]]


def test_what_is_wrong_with_one_of_many_is_told_to_that_one(place: Place, intake: Intake, acme: Account) -> None:
    """Batches that are handed over together share a commit and nothing else."""
    many = [
        a_delivery([_message(acme.sid, "a")]),
        a_delivery([_message(acme.sid, "b")], caller=caller_of(acme)),
        a_delivery(b"not gzip", compression=Compression.GZIP),
        a_delivery([_message(acme.sid, "c")], key="k"),
        a_delivery([_message(acme.sid, "d")], key="k"),
        a_delivery([_message(acme.sid, "e")]),
    ]
    answers = intake.submit_all(many)
    told = [_accepted_or_error(answer) for answer in answers]
    assert told == [1, Forbidden, InvalidBody, 1, InFlight, 1]
    assert sum(map(len, place.waiting().values())) == 3
    assert sum(len(place.segments(day)) for day in place.waiting()) == len(place.waiting())


def _accepted_or_error(answer: Answer) -> int | type[DayfileError]:
    try:
        return answer.result().accepted
    except DayfileError as error:
        return type(error)
