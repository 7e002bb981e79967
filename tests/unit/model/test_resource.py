"""The table of resource types."""

import pickle

import pytest

from dayfile.errors import NotFound
from dayfile.model.resource import RESOURCE_TYPES, ResourceType, parse_resource_type

each_type = pytest.mark.parametrize("resource_type", RESOURCE_TYPES, ids=str)


@each_type
def test_a_type_is_found_by_its_name(resource_type: ResourceType) -> None:
    """The name is what the API's path carries."""
    assert parse_resource_type(resource_type.name) is resource_type


@pytest.mark.parametrize("text", ["messages", "Message", "MESSAGES", " Messages", "", "Recordings", "x" * 10_000])
def test_any_other_name_is_not_found_and_the_message_lists_the_names(text: str) -> None:
    """Types are case-sensitive; whoever guesses wrong learns the right spelling, and a long guess is not echoed."""
    with pytest.raises(NotFound, match="Messages, Calls, Conferences, Participants") as caught:
        parse_resource_type(text)
    assert len(str(caught.value)) < 200


@each_type
def test_there_is_one_object_per_type_in_every_process(resource_type: ResourceType) -> None:
    """Work goes to other processes; a type that came back as a copy would no longer be the key of anything."""
    assert pickle.loads(pickle.dumps(resource_type)) is resource_type  # noqa: S301 - it was pickled right here


@each_type
def test_no_name_stands_twice_in_an_entry(resource_type: ResourceType) -> None:
    """A field that were both documented and dropped, or listed twice, would have two values in one line."""
    names = [key.name for key in resource_type.key_fields] + ["account_sid", "date_created", "date_updated"]
    names += [field.name for field in resource_type.fields] + list(resource_type.dropped)
    assert len(names) == len(set(names))


def test_a_participant_is_named_by_two_sids_and_everything_else_by_one() -> None:
    """Participants have no sid of their own."""
    keys = {str(one): [key.name for key in one.key_fields] for one in RESOURCE_TYPES}
    assert keys == {
        "Messages": ["sid"],
        "Calls": ["sid"],
        "Conferences": ["sid"],
        "Participants": ["conference_sid", "call_sid"],
    }


@each_type
def test_spans_point_at_the_values_of_a_line(resource_type: ResourceType) -> None:
    """Readers of sealed lines cut the identity and the version out by these offsets and never parse."""
    sids = [f"{key.prefixes[0]}{n:032x}" for n, key in enumerate(resource_type.key_fields)]
    account, created, updated = f"AC{9:032x}", "2026-10-01T10:00:00Z", "2026-10-02T11:12:13Z"
    names = [key.name for key in resource_type.key_fields] + ["account_sid", "date_created", "date_updated"]
    values = [*sids, account, created, updated]
    line = "{" + ",".join(f'"{name}":"{value}"' for name, value in zip(names, values, strict=True)) + "}"
    spans = [
        *resource_type.key_spans,
        resource_type.account_span,
        resource_type.created_span,
        resource_type.updated_span,
    ]
    assert [line[start:stop] for start, stop in spans] == values
