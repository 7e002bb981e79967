"""An export's configuration through each of Twilio's clients: set in parts, left alone, cleared."""

from __future__ import annotations

import pytest

from tests.compat.client import Refused
from tests.compat.conftest import Customer
from tests.compat.installed import each_client

HOOK = {"webhook_url": "https://example.com/hook?a=1&b=2", "webhook_method": "POST"}
NOTHING = {"enabled": False, "webhook_url": "", "webhook_method": ""}


def _settings(shown: dict[str, object]) -> dict[str, object]:
    return {name: shown[name] for name in NOTHING}


@pytest.mark.compat(58, 59)
@pytest.mark.parametrize("client_name", each_client())
def test_what_is_set_in_parts_is_there_as_a_whole(customer: Customer) -> None:
    """Each update says what changes and leaves the rest; other types are not concerned."""
    assert _settings(customer("fetch_configuration", "Messages")) == NOTHING
    customer("update_configuration", "Messages", enabled=True)
    whole = customer("update_configuration", "Messages", **HOOK)
    assert _settings(whole) == {"enabled": True, **HOOK}
    assert customer("fetch_configuration", "Messages") == whole
    assert _settings(customer("fetch_configuration", "Calls")) == NOTHING


@pytest.mark.compat(58, 59)
@pytest.mark.parametrize("client_name", each_client())
def test_an_update_of_nothing_changes_nothing(customer: Customer) -> None:
    """An empty form is a good one: some clients send no body at all then."""
    whole = customer("update_configuration", "Messages", enabled=True, **HOOK)
    assert customer("update_configuration", "Messages") == whole


@pytest.mark.compat(58, 59)
@pytest.mark.parametrize("client_name", each_client())
def test_an_empty_text_clears(customer: Customer) -> None:
    """Both parts of the webhook together, for one without the other is none."""
    customer("update_configuration", "Messages", enabled=True, **HOOK)
    with pytest.raises(Refused) as half:
        customer("update_configuration", "Messages", webhook_method="")
    assert (half.value.status, half.value.code) == (400, 20001)
    cleared = customer("update_configuration", "Messages", webhook_url="", webhook_method="")
    assert _settings(cleared) == NOTHING | {"enabled": True}
    assert customer("fetch_configuration", "Messages") == cleared
