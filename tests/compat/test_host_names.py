"""Host names that twilio-node mangles, which is why `dayfile serve` warns of some."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dayfile.web.urls import is_sound
from tests.compat.client import NOBODY, ApiClient, Place, Refused
from tests.support.front import in_front_of

HOSTS = ["dayfile"] + [".".join([*"abcdef"[:labels], "example", "com"]) for labels in range(6)]


@pytest.mark.compat(57)
@pytest.mark.parametrize("client_name", ["twilio-node 6.0.2", "twilio-node 6.2.0"])
def test_hosts_come_out_as_they_were_or_are_warned_of(
    ready_client: Callable[[str], ApiClient], client_name: str, tmp_path: Path
) -> None:
    """The rule behind the warning is what the library does, label by label."""
    client = ready_client(client_name)
    with in_front_of("http://127.0.0.1:9", host="nobody.invalid", folder=tmp_path) as front:
        for host in HOSTS:
            with pytest.raises(Refused):
                client.call(
                    Place(url=f"https://{host}", environment=front.environment), NOBODY, "fetch_export", "Calls"
                )
    asked = [target.removesuffix(":443") for target in front.refused]
    kept = [given for given, came_out in zip(HOSTS, asked, strict=True) if given == came_out]
    assert kept == [host for host in HOSTS if is_sound(f"https://{host}")]
