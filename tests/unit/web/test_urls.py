from __future__ import annotations

import pytest

from dayfile.web.urls import is_sound


@pytest.mark.parametrize(
    ("public", "sound"),
    [
        ("http://localhost:8080", True),
        ("https://exports.example.com", True),
        ("https://bulkexports.twilio.com:8443", True),
        ("https://a.b.c.example.com", True),
        ("http://192.0.2.1:8080", True),
        ("http://[2001:db8::1]:8080", True),
        ("https://example.com", False),
        ("https://a.b.c.d.example.com", False),
    ],
)
def test_a_host_that_some_clients_mangle_is_known(public: str, *, sound: bool) -> None:
    """They would ask a host that does not exist, or somebody else's."""
    assert is_sound(public) is sound
