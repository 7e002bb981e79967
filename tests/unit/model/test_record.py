"""Rules of a record, and the line that is made of it."""

import json
import sys

import pytest

from dayfile.model.day import Day
from dayfile.model.record import MAX_LINE_BYTES, RecordReader
from dayfile.model.resource import CALLS, CONFERENCES, MESSAGES, PARTICIPANTS, RESOURCE_TYPES, Kind, ResourceType
from tests.support.record_lines import ABSENT, LINES, NOW, a_record, line_with, parse, refusal_of

each_type = pytest.mark.parametrize("resource_type", RESOURCE_TYPES, ids=str)


@each_type
@pytest.mark.compat(51)
def test_a_record_knows_its_account_its_day_and_one_line(resource_type: ResourceType) -> None:
    """Batches are grouped by account and day, and the line ends with the only newline that it has."""
    record = parse(resource_type, a_record(resource_type, date_created="2026-09-30T23:30:00-02:00"))
    assert (record.account, record.day) == ("AC" + "1" * 32, Day.parse("2026-10-01"))
    assert record.line.endswith(b"}\n")
    assert record.line.count(b"\n") == 1


@each_type
@pytest.mark.compat(52)
def test_every_documented_field_is_there_and_null_when_it_is_unknown(resource_type: ResourceType) -> None:
    """Loading a file into a table must not depend on what the first record happened to have."""
    known = [key.name for key in resource_type.key_fields] + ["account_sid", "date_created", "date_updated"]
    full = a_record(resource_type)
    line = json.loads(parse(resource_type, {name: full[name] for name in known}).line)
    assert list(line) == known + [field.name for field in resource_type.fields]
    assert all(line[field.name] is None for field in resource_type.fields)


def test_reading_records_leaves_nothing_behind() -> None:
    """Intake runs for months: an object a record that nobody frees would end it."""
    reader = RecordReader(MESSAGES, now=NOW)
    forms = [json.dumps(a_record(MESSAGES) | more).encode() for more in ({}, {"uri": "/"}, {"unknown": 1})]
    forms.append((LINES / "messages.line.json").read_bytes())
    for form in forms:
        reader.parse(form)
        before = sys.getallocatedblocks()
        for _ in range(1000):
            reader.parse(form)
        assert sys.getallocatedblocks() - before < 500


@pytest.mark.parametrize(
    ("resource_type", "field", "given", "kept"),
    [
        (MESSAGES, "num_segments", "3", 3),
        (MESSAGES, "num_segments", "-9223372036854775808", -(2**63)),
        (MESSAGES, "num_media", 2**63 - 1, 2**63 - 1),
        (MESSAGES, "error_code", 0, 0),
        (MESSAGES, "price", "-0.00750", "-0.00750"),
        (MESSAGES, "price", "1E+2", "1E+2"),
        (MESSAGES, "price", -1, "-1"),
        (MESSAGES, "status", "teleported", "teleported"),
        (MESSAGES, "messaging_service_sid", "", ""),
        (MESSAGES, "sid", "MM" + "0" * 32, "MM" + "0" * 32),
        (MESSAGES, "date_sent", "Thu, 01 Oct 2026 10:00:01 +0000", "2026-10-01T10:00:01Z"),
        (MESSAGES, "date_updated", "2026-09-01T00:00:00Z", "2026-09-01T00:00:00Z"),
        (MESSAGES, "date_updated", "2099-01-01T00:00:00Z", "2099-01-01T00:00:00Z"),
        (CALLS, "duration", 4, "4"),
        (CALLS, "queue_time", "0", "0"),
        (CALLS, "parent_call_sid", "not a sid", "not a sid"),
        (PARTICIPANTS, "muted", "true", True),
        (PARTICIPANTS, "hold", "false", False),
        (CONFERENCES, "region", "", ""),
    ],
)
def test_a_value_is_taken_where_nothing_is_lost(
    resource_type: ResourceType, field: str, given: object, kept: object
) -> None:
    """Numbers as text and text as numbers are what the two forms differ in; an unknown status is news, not an error."""
    line = json.loads(parse(resource_type, a_record(resource_type, **{field: given})).line)
    assert (line[field], type(line[field])) == (kept, type(kept))


@pytest.mark.parametrize("number", ["-0.00750", "1e-3", "0.10", "-0", "12345678901234567890.10"])
def test_an_amount_given_as_a_number_keeps_its_digits(number: str) -> None:
    """A price that went through a float is another price."""
    without = a_record(MESSAGES, price=ABSENT)
    raw = json.dumps(without)[:-1] + f',"price":{number}}}'
    assert json.loads(parse(MESSAGES, raw.encode()).line)["price"] == number


@pytest.mark.parametrize(
    ("resource_type", "field", "value", "rule"),
    [
        (MESSAGES, "num_segments", "01", "integer of at most 64 bits, or null; got '01'"),
        (MESSAGES, "num_segments", "", "integer"),
        (MESSAGES, "num_segments", "+1", "integer"),
        (MESSAGES, "num_segments", 1.0, "integer .* got 1.0"),
        (MESSAGES, "num_segments", 2**63, "integer"),
        (MESSAGES, "num_segments", True, "integer .* got true"),
        (MESSAGES, "num_segments", int("9" * 4000), "integer"),
        (MESSAGES, "body", 5, "text or null; got 5"),
        (MESSAGES, "body", ["x"], "text or null; got an array"),
        (MESSAGES, "from", {"n": 1}, "text or null; got an object"),
        (MESSAGES, "price", False, "number, as text or not, or null; got false"),
        (MESSAGES, "price", "n/a", r"must be a JSON number, as text or not, or null; got 'n/a'"),
        (MESSAGES, "price", "", "or null; got ''"),
        (MESSAGES, "date_sent", 1443470400, "time as text, or null; got 1443470400"),
        (MESSAGES, "date_sent", "2026-10-01T10:00:00", "time zone"),
        (PARTICIPANTS, "muted", 1, "true, false or null; got 1"),
        (PARTICIPANTS, "muted", "True", "true, false or null; got 'True'"),
        (PARTICIPANTS, "muted", [], "true, false or null; got an array"),
        (MESSAGES, "sid", "CA" + "0" * 32, "SM or MM followed by 32 lower-case hexadecimal digits"),
        (MESSAGES, "sid", "CA" + "0" * 32, "digits; CA stands for Calls: send it as one of them; got 'CA"),
        (CALLS, "sid", "MM" + "0" * 32, "MM stands for Messages"),
        (MESSAGES, "sid", "XX" + "0" * 32, "digits; got"),
        (MESSAGES, "sid", "SM" + "A" * 32, "lower-case"),
        (MESSAGES, "sid", "SM" + "0" * 31, "32"),
        (MESSAGES, "sid", "SM" + "0" * 32 + "\n", "32"),
        (MESSAGES, "sid", ABSENT, "missing or null"),
        (MESSAGES, "sid", None, "missing or null"),
        (MESSAGES, "sid", "x" * 100_000, r"got 'x+'\.\.\.$"),
        (MESSAGES, "account_sid", "AC" + "g" * 32, "AC followed by 32 lower-case"),
        (MESSAGES, "account_sid", 7, "AC followed by 32"),
        (CALLS, "account_sid", ABSENT, "missing or null"),
        (PARTICIPANTS, "conference_sid", ABSENT, "CF followed by 32 .* missing"),
        (PARTICIPANTS, "call_sid", ABSENT, "CA followed by 32 .* missing"),
        (CONFERENCES, "date_created", ABSENT, "missing or null"),
        (CONFERENCES, "date_updated", ABSENT, "missing or null"),
        (CONFERENCES, "date_updated", None, "missing or null"),
        (CONFERENCES, "date_updated", 5, "time as text"),
        (CONFERENCES, "date_updated", "2026-02-30T00:00:00Z", "date of the calendar"),
    ],
)
def test_a_value_that_would_be_guessed_is_refused_by_name_and_rule(
    resource_type: ResourceType, field: str, value: object, rule: str
) -> None:
    """The sender reads this message and nothing else; it must be enough to repair the record."""
    assert refusal_of(resource_type, a_record(resource_type, **{field: value}), rule).field == field


NO_NUMBERS = ["", " ", "n/a", "null", "NaN", "-Infinity", "+1", "01", "-", ".5", "1.", "1,5", "1e", "0x1F", "1_0"]
NO_NUMBERS += [" 1", "1\n", "1 USD", "\u0661", "--1", "-01.5", "1e+", "1" * 100_000 + "x"]


@pytest.mark.parametrize("keep_dropped", [False, True])
@pytest.mark.parametrize("form", ["line", "rest", "unknown"])
@each_type
def test_text_that_is_no_json_number_is_in_no_numeric_field(
    resource_type: ResourceType, form: str, keep_dropped: bool
) -> None:
    """One such text, and every typed reader fails on the file of the whole day."""
    name = f"{resource_type.name.lower()}.{'rest' if form == 'rest' else 'line'}.json"
    sound = json.loads((LINES / name).read_bytes()) | ({"unknown": 1} if form == "unknown" else {})
    parse(resource_type, sound, keep_dropped=keep_dropped)
    for field in resource_type.fields:
        if field.kind in {Kind.AMOUNT, Kind.INTEGER}:
            for text in NO_NUMBERS:
                for spelled in (json.dumps(sound | {field.name: text}), _compact(sound | {field.name: text})):
                    assert refusal_of(resource_type, spelled.encode(), "must be an? .*or null; got").field == field.name


@pytest.mark.parametrize(
    ("created", "taken"),
    [
        ("2009-12-31T23:59:59Z", False),
        ("2010-01-01T00:00:00Z", True),
        ("2010-01-01T00:00:00+00:01", False),
        ("2026-10-03T12:00:00Z", True),
        ("2026-10-03T12:00:01Z", False),
    ],
)
@each_type
def test_a_record_was_created_between_2010_and_this_time_tomorrow(
    resource_type: ResourceType, created: str, taken: bool
) -> None:
    """A wrong clock would otherwise open a day of the year 2106, which is sealed then."""
    members = a_record(resource_type, date_created=created)
    if taken:
        parse(resource_type, members)
    else:
        refusal = refusal_of(resource_type, members, "from 2010-01-01T00:00:00Z to 2026-10-03T12:00:00Z, 24 hours")
        assert refusal.field == "date_created"


@pytest.mark.compat(52)
def test_unknown_fields_follow_in_the_order_given_with_their_digits() -> None:
    """Fields that a platform adds are evidence too: nothing of them is rounded, sorted or dropped."""
    extra = b'"zeta":1.10,"alpha" : {"n":[ 1E+2 ,\n-0 , 12345678901234567890.0]\t,"t":"\\u00e9\\/"},"none":null,"":true'
    line = parse(MESSAGES, line_with(extra)).line
    assert line.endswith(
        ',"zeta":1.10,"alpha":{"n":[1E+2,-0,12345678901234567890.0],"t":"é/"},"none":null,"":true}\n'.encode()
    )


@each_type
def test_dropped_fields_go_or_stand_last(resource_type: ResourceType) -> None:
    """An export does not have them; an operator who wants them gets them where no reader of exports looks."""
    dropped = {name: {"is": ["kept", 1]} for name in reversed(resource_type.dropped)}
    plain = a_record(resource_type)
    given = json.dumps(dropped | {"unknown": "x"} | plain).encode()
    assert json.loads(parse(resource_type, given).line) == plain | {"unknown": "x"}
    kept = json.loads(parse(resource_type, given, keep_dropped=True).line)
    assert kept == plain | {"unknown": "x"} | dropped
    assert list(kept)[-len(dropped) - 1 :] == ["unknown", *resource_type.dropped]


def test_a_line_has_at_most_one_mebibyte_as_it_comes_and_as_it_is_kept() -> None:
    """A program that reads a day file line by line can do so with a buffer of that size."""
    empty = parse(MESSAGES, a_record(MESSAGES, body="")).line
    room = MAX_LINE_BYTES - len(empty)
    largest = parse(MESSAGES, empty.replace(b'"body":""', b'"body":"' + b"x" * room + b'"'))
    assert len(largest.line) == MAX_LINE_BYTES
    assert parse(MESSAGES, largest.line) == largest
    assert parse(MESSAGES, largest.line[:-1]) == largest
    longer = empty.replace(b'"body":""', b'"body":"' + b"x" * (room + 10) + b'"')
    refusal_of(MESSAGES, longer, "at most 1048576 bytes long, its newline included")
    refusal_of(MESSAGES, empty.strip() + b" " * MAX_LINE_BYTES, "at most 1048576 bytes long")
    grows = longer.replace(b',"price":"-0.00790"', b"")
    assert len(grows) < MAX_LINE_BYTES
    refusal_of(MESSAGES, grows, "at most 1048576 bytes long")


def test_a_view_of_a_buffer_is_as_good_as_bytes() -> None:
    """Intake hands on slices of what it received, without copying them first."""
    line = json.dumps(a_record(CALLS)).encode()
    assert RecordReader(CALLS, now=NOW).parse(memoryview(b"xx" + line)[2:]) == parse(CALLS, line)


def test_every_kind_of_field_is_tried_here() -> None:
    """A new kind needs its own cases above."""
    assert set(Kind) == {Kind.TEXT, Kind.INTEGER, Kind.AMOUNT, Kind.BOOLEAN, Kind.MOMENT}


def _compact(members: dict[str, object]) -> str:
    return json.dumps(members, separators=(",", ":"), ensure_ascii=False)
