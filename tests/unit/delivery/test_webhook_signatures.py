"""The three ways to know who calls, each checked by those who check it for others."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from twilio.request_validator import RequestValidator

from dayfile.clock import SystemClock
from dayfile.delivery.webhook import WebhookTransport, standard_signatures, twilio_signature
from dayfile.model.webhook_secret import secret_text
from tests.support.receiver import Received, receiving
from tests.support.told import CREDENTIALS, EVENT, LOOPBACK, a_notice, destinations, trusted

PATHS = ["", "/hook", "/hook?tenant=7&x=%20a+b", "/hook?Status=mine"]


def received(path: str, method: str) -> tuple[str, Received]:
    """A notice as it came to a receiver, just now, and the receiver's address."""
    transport = WebhookTransport(destinations(*LOOPBACK), trusted=trusted(), clock=SystemClock())
    with receiving() as receiver:
        notice = a_notice(f"{receiver.url}{path}", method=method)
        transport.deliver(notice, attempt=1, credentials=CREDENTIALS, now=SystemClock().now())
        transport.close()
        return receiver.url, receiver.received[0]


@pytest.mark.compat(62)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.compat(72)
def test_twilios_validator_takes_the_signature(path: str, method: str) -> None:
    """Receivers that check Twilio's webhooks check these without a change, with the account's auth token."""
    url, request = received(path, method)
    form = request.form if method == "POST" else {}
    signature = request.headers["x-twilio-signature"]
    validator = RequestValidator(CREDENTIALS.auth_token)
    assert validator.validate(url + request.target, form, signature)
    assert not validator.validate(f"{url}{request.target}x", form, signature)
    assert not validator.validate(url + request.target, {**form, "Status": "completed"}, signature)
    assert not RequestValidator("another token").validate(url + request.target, form, signature)


@pytest.mark.compat(72)
def test_twilios_own_example_is_signed_as_twilio_signs_it() -> None:
    """The example of Twilio's documentation, so that not only two readings of the same code agree."""
    form = (
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675309"),
        ("Digits", "1234"),
        ("From", "+14158675309"),
        ("To", "+18005551212"),
    )
    signature = twilio_signature("12345", url="https://mycompany.com/myapp.php?foo=1&bar=2", form=form)
    assert signature == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("secret", CREDENTIALS.webhook_secrets, ids=["new", "former"])
def test_the_standards_library_takes_the_signature_with_either_secret(secret: bytes, method: str, path: str) -> None:
    """During a rotation a receiver may know the new secret or the former one; of a GET the query is signed."""
    _, request = received(path, method)
    payload = request.body.decode() if method == "POST" else request.query
    Webhook(secret_text(secret)).verify(payload, request.headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret_text(secret)).verify(f"{payload}x", request.headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret_text(b"x" * 32)).verify(payload, request.headers, json_parse=False)


def test_the_standards_own_example_is_signed_as_it_says() -> None:
    """The example of the standard's reference libraries."""
    at = datetime.fromtimestamp(1614265330, tz=UTC)
    secret = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    signed = standard_signatures(
        [Webhook(secret)._whsecret], message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", at=at, payload='{"test": 2432232314}'
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_every_request_names_its_event() -> None:
    """Receivers drop duplicates by its id, under the two names that their libraries look for."""
    _, request = received("/hook", "POST")
    assert request.headers["i-twilio-idempotency-token"] == request.headers["webhook-id"] == EVENT
    assert request.form["EventSid"] == EVENT
