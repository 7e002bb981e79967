"""The whole way of a notice: a server, a job with a webhook and an address, and those who are told."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook
from twilio.request_validator import RequestValidator

from dayfile.cli.exit_codes import Outcome
from dayfile.clock import SystemClock
from dayfile.model.day import last_custom_day
from tests.e2e.cli_instance import Instance, Server, serving
from tests.support.receiver import Receiver, receiving

DAY = last_custom_day(SystemClock().now())


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that is content with everything."""
    with receiving() as running:
        yield running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with an account; webhooks may go to this machine, and there is no mail server."""
    instance = Instance(tmp_path, {"DAYFILE_WEBHOOK_ALLOW": "127.0.0.0/8"})
    with serving(instance) as running:
        made = instance.json("accounts", "create")
        instance.variables |= {
            "DAYFILE_URL": running.url,
            "DAYFILE_ACCOUNT_SID": made["account_sid"],
            "DAYFILE_AUTH_TOKEN": made["auth_token"],
        }
        yield running


def submit(instance: Instance, *options: str, expect: Outcome = Outcome.DONE) -> str:
    """Submit a job over one day; what was printed."""
    done = instance.run(
        "jobs", "create", "Messages", f"{DAY}..{DAY}", "--name", "октябрь", *options, expect=int(expect)
    )
    return done.stdout + done.stderr


@pytest.mark.compat(62, 70, 72)
def test_a_job_tells_its_webhook_and_its_address_once(server: Server, receiver: Receiver) -> None:
    """One event, with three signatures that verify, and one e-mail in the folder: nobody is told twice, or never."""
    instance = server.instance
    submit(instance, "--webhook-url", f"{receiver.url}/hook?tenant=7", "--email", "someone@example.com", "--watch")
    attempts: dict[str, dict[str, object]] = {}
    for event in instance.logged():
        if event["event"] == "notice.attempted":
            attempts[event["channel"]] = event
        if set(attempts) == {"webhook", "mail"}:
            break
    told = {channel: (attempt["result"], attempt["attempt"]) for channel, attempt in attempts.items()}
    assert told == {"webhook": ("delivered", 1), "mail": ("unsent", 1)}
    (request,) = receiver.received
    account, token = (instance.variables[f"DAYFILE_{name}"] for name in ("ACCOUNT_SID", "AUTH_TOKEN"))
    assert request.headers["i-twilio-idempotency-token"] == request.form["EventSid"] == attempts["webhook"]["event_sid"]
    signature = request.headers["x-twilio-signature"]
    assert RequestValidator(token).validate(receiver.url + request.target, request.form, signature)
    (secret,) = instance.json("accounts", "webhook-secret", account)["webhook_secrets"]
    Webhook(secret).verify(request.body.decode(), request.headers, json_parse=False)
    assert (request.form["Status"], request.form["FriendlyName"]) == ("completed", "октябрь")
    (letter,) = (instance.folder / "data" / "mail").iterdir()
    assert letter.name == f"{attempts['mail']['event_sid']}.eml"
    message = email.message_from_bytes(letter.read_bytes(), policy=email.policy.default)
    assert (message["To"], "октябрь" in message["Subject"]) == ("someone@example.com", True)
    assert server.url in letter.read_text()


def test_a_server_without_a_mail_server_says_so_when_it_starts(server: Server) -> None:
    """Otherwise the operator learns of it from a customer who waits for an e-mail."""
    said = next(event for event in server.instance.logged() if event["event"] == "mail.kept_in_folder")
    assert said["folder"] == str(server.instance.folder / "data" / "mail")


@pytest.mark.compat(69)
def test_a_webhook_that_leads_inside_is_refused_when_the_job_is_made(server: Server) -> None:
    """The customer reads which rule it breaks; nothing is submitted."""
    said = submit(server.instance, "--webhook-url", "http://169.254.169.254/latest/meta-data/", expect=Outcome.FAILED)
    assert "WebhookUrl must lead to public addresses only; got 'http://169.254.169.254/latest/meta-data/'" in said
    assert server.instance.json("jobs", "list", "Messages") == []
