"""Webhook secrets: each account's own, and two of them for a while after a rotation."""

from __future__ import annotations

import base64
from datetime import timedelta

from standardwebhooks import Webhook

from dayfile.model.account import AccountSid
from dayfile.model.secret import InstanceKey
from dayfile.model.webhook_secret import OVERLAP, SecretGeneration, secret_text, webhook_secrets
from tests.support.clock import NOON

KEY = InstanceKey(bytes(range(32)))
ACCOUNT, OTHER = AccountSid("AC" + "1" * 32), AccountSid("AC" + "2" * 32)
FIRST = SecretGeneration(number=0, former_until=None)
SECOND = SecretGeneration(number=1, former_until=NOON + OVERLAP)


def test_an_account_has_one_secret_that_is_its_own() -> None:
    """A thief of one account's secret must not be able to sign in the name of another, or of another instance."""
    (mine,) = webhook_secrets(KEY, account=ACCOUNT, generation=FIRST, now=NOON)
    (others,) = webhook_secrets(KEY, account=OTHER, generation=FIRST, now=NOON)
    (elsewhere,) = webhook_secrets(InstanceKey(bytes(32)), account=ACCOUNT, generation=FIRST, now=NOON)
    assert len({mine, others, elsewhere}) == 3
    assert webhook_secrets(KEY, account=ACCOUNT, generation=FIRST, now=NOON + timedelta(days=99)) == (mine,)


def test_after_a_rotation_both_secrets_sign_for_a_while() -> None:
    """Receivers are changed one by one; none of them may be cut off, and the old secret must die in the end."""
    (former,) = webhook_secrets(KEY, account=ACCOUNT, generation=FIRST, now=NOON)
    during = webhook_secrets(KEY, account=ACCOUNT, generation=SECOND, now=NOON + OVERLAP - timedelta.resolution)
    afterwards = webhook_secrets(KEY, account=ACCOUNT, generation=SECOND, now=NOON + OVERLAP)
    assert during == (*afterwards, former)
    assert afterwards[0] != former


def test_a_secret_is_shown_as_the_libraries_take_it() -> None:
    """The standard asks for 24 to 64 bytes behind `whsec_`, and libraries refuse what is not base64."""
    (secret,) = webhook_secrets(KEY, account=ACCOUNT, generation=FIRST, now=NOON)
    text = secret_text(secret)
    assert 24 <= len(secret) <= 64
    assert base64.b64decode(text.removeprefix("whsec_"), validate=True) == secret
    assert Webhook(text).sign("EV1", NOON, "x") == Webhook(secret).sign("EV1", NOON, "x")
