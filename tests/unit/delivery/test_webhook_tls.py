"""Webhooks over TLS: the certificate must be of the host's name, whatever address was connected to."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from dayfile.clock import SystemClock
from dayfile.delivery.http import trusted_authorities
from dayfile.delivery.webhook import WebhookTransport
from dayfile.errors import Unusable
from dayfile.model.notice import Outcome, Result
from tests.support.receiver import Receiver, receiving
from tests.support.told import LOOPBACK, deliver, destinations

CA = trustme.CA()
STRANGER = trustme.CA()
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    """Return the file that an operator gives in DAYFILE_CA_FILE."""
    path = tmp_path / "ca.pem"
    CA.cert_pem.write_to_path(str(path))
    return path


@contextmanager
def secure(certificate: trustme.LeafCert) -> Iterator[tuple[Receiver, list[str | None]]]:
    """A receiver with this certificate, and the names that its callers ask for in the handshake."""
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    with receiving(tls=context) as receiver:
        yield receiver, asked


def call(receiver: Receiver, *, host: str, ca_file: Path | None) -> Outcome:
    """One attempt, where every name leads to this machine."""
    to = destinations(*LOOPBACK, hook_example=[["127.0.0.1"]])
    transport = WebhookTransport(to, trusted=trusted_authorities(ca_file), clock=SystemClock(), seconds=10)
    outcome = deliver(f"https://{host}:{receiver.port}/hook", transport=transport)
    transport.close()
    return outcome


def test_a_name_is_called_at_its_address_and_checked_by_its_name(ca_file: Path) -> None:
    """The connection goes to the address that was checked; the handshake and the certificate are about the name."""
    with secure(CA.issue_cert("hook.example")) as (receiver, asked):
        outcome = call(receiver, host="hook.example", ca_file=ca_file)
    assert (outcome.result, outcome.error) == (Result.DELIVERED, None)
    assert asked == ["hook.example"]


def test_an_address_needs_a_certificate_of_the_address(ca_file: Path) -> None:
    """Receivers inside the operator's network have no public name."""
    with secure(CA.issue_cert("127.0.0.1")) as (receiver, _):
        assert call(receiver, host="127.0.0.1", ca_file=ca_file).result is Result.DELIVERED


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        (STRANGER.issue_cert("hook.example"), "unable to get local issuer certificate"),
        (CA.issue_cert("other.example"), "Hostname mismatch"),
        (CA.issue_cert("127.0.0.1"), "Hostname mismatch"),
        (CA.issue_cert("hook.example", not_before=LONG_AGO, not_after=LONG_AGO), "certificate has expired"),
    ],
    ids=["self-signed", "other name", "of the address", "expired"],
)
def test_a_certificate_that_cannot_be_trusted_gets_nothing(
    certificate: trustme.LeafCert, reason: str, ca_file: Path
) -> None:
    """Otherwise whoever sits between reads the fields and, worse, may answer 410."""
    with secure(certificate) as (receiver, _):
        outcome = call(receiver, host="hook.example", ca_file=ca_file)
    assert (outcome.result, outcome.status) == (Result.FAILED, None)
    assert outcome.error is not None
    assert outcome.error.startswith("no connection: the certificate cannot be trusted: ")
    assert reason in outcome.error
    assert receiver.received == []


def test_an_authority_of_the_operators_own_is_trusted_only_when_it_is_named() -> None:
    """Without DAYFILE_CA_FILE there are the authorities of the system, and no others."""
    with secure(CA.issue_cert("hook.example")) as (receiver, _):
        assert call(receiver, host="hook.example", ca_file=None).result is Result.FAILED


def test_plain_http_on_a_port_of_https_is_a_failure() -> None:
    """The commonest mistake in a URL has a reason that can be understood."""
    with receiving() as receiver:
        outcome = call(receiver, host="hook.example", ca_file=None)
    assert outcome.error is not None
    assert outcome.error.startswith("no connection: TLS failed: ")


@pytest.mark.parametrize("content", [None, "", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"])
def test_a_file_without_authorities_is_refused_at_the_start(content: str | None, tmp_path: Path) -> None:
    """An operator learns of a wrong path at once and not from the log of failed notices."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(Unusable, match=r"ca\.pem cannot be read as a PEM file"):
        trusted_authorities(path)
