"""E-mail through the operator's SMTP relay: one letter per attempt, and an outcome whatever the server replies.

A permanent refusal of the letter or its recipient is final: mail sent repeatedly to nobody ruins the sender's
reputation. An error about the server, the sender or its policy is for the operator to mend, and is tried again.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from ipaddress import ip_address
from typing import Any, Final

from dayfile.clock import Clock
from dayfile.delivery.letter import Letter, Letters
from dayfile.delivery.relay import Encryption, Relay
from dayfile.delivery.ssrf import Resolver, UnresolvedName
from dayfile.delivery.transport import Credentials, Deadline, failed, reason
from dayfile.model.notice import ANSWER_BYTES, ATTEMPT_SECONDS, Notice, Outcome, Result

_OK: Final = range(200, 300)
_PERMANENT: Final = range(500, 600)
_POLICY: Final = b"5.7."
_CHUNK_BYTES: Final = 4096


class SmtpTransport:
    """The transport to a relay. One limit covers an attempt from the look-up of the name to the last reply."""

    def __init__(
        self,
        relay: Relay,
        letters: Letters,
        *,
        trusted: ssl.SSLContext,
        resolver: Resolver,
        clock: Clock,
        seconds: float = ATTEMPT_SECONDS,
    ) -> None:
        self._relay = relay
        self._letters = letters
        self._trusted = trusted
        self._resolver = resolver
        self._clock = clock
        self._seconds = seconds

    def deliver(self, notice: Notice, *, attempt: int, credentials: Credentials, now: datetime) -> Outcome:
        letter, deadline = self._letters.write(notice), Deadline(self._clock, seconds=self._seconds)
        try:
            addresses = self._addresses(seconds=deadline.remaining())
            with _session(self._relay, addresses, letter, trusted=self._trusted, deadline=deadline) as session:
                return session.hand_over(letter)
        except UnresolvedName as unresolved:
            return failed(f"no connection to the mail server: {unresolved}")
        except smtplib.SMTPResponseException as refused:
            return _said(refused.smtp_code, refused.smtp_error, refused="Dayfile", result=Result.FAILED)
        except (OSError, smtplib.SMTPException) as error:
            if deadline.is_over:
                return failed(f"the mail server was not done within {self._seconds:g} seconds")
            return failed(f"the mail server cannot be used: {reason(error)}")

    def _addresses(self, *, seconds: float) -> Sequence[str]:
        try:
            return [str(ip_address(self._relay.host))]
        except ValueError:
            return self._resolver.resolve(self._relay.host, seconds=seconds)


class _Session(smtplib.SMTP):
    """An SMTP session that applies the attempt's deadline to every step."""

    def __init__(
        self,
        relay: Relay,
        addresses: Sequence[str],
        *,
        name: str,
        trusted: ssl.SSLContext,
        deadline: Deadline,
    ) -> None:
        self._addresses = addresses
        self._trusted = trusted if relay.encryption is Encryption.TLS else None
        self._deadline = deadline
        # With a host smtplib connects at once; without one it would not know the name to check a certificate against.
        super().__init__(relay.host, relay.port, local_hostname=name)

    def hand_over(self, letter: Letter) -> Outcome:
        """Send the letter and return the outcome."""
        code, text = self.mail(letter.sender)
        if code not in _OK:
            return _said(code, text, refused="the sender", result=Result.FAILED)
        code, text = self.rcpt(letter.recipient)
        if code not in _OK:
            return _said(code, text, refused="the recipient", result=_refusal(code, text))
        try:
            code, text = self.data(letter.content)
        except smtplib.SMTPDataError as error:
            code, text = error.smtp_code, _octets(error.smtp_error)
        if code not in _OK:
            return _said(code, text, refused="the letter", result=_refusal(code, text))
        return Outcome(result=Result.DELIVERED, status=code, error=None, answer=text[:ANSWER_BYTES], retry_after=None)

    def leave(self) -> None:
        """Send QUIT if the relay is still there, and close the connection."""
        with suppress(OSError, smtplib.SMTPException):  # the outcome is known already
            self.quit()
        self.close()

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = _Lines(self.sock, self._deadline)
        return super().getreply()

    def send(self, s: Any) -> None:
        if self.sock is not None:
            self.sock.settimeout(self._deadline.remaining())
        super().send(s)

    def _get_socket(self, host: str, port: int, timeout: float | None) -> socket.socket:
        failure: OSError = OSError("the host name has no address")
        for address, seconds in zip(self._addresses, self._deadline.shares(len(self._addresses)), strict=True):
            try:
                connected = socket.create_connection((address, port), timeout=seconds)
            except OSError as error:
                failure = error
                continue
            connected.settimeout(self._deadline.remaining())
            return self._trusted.wrap_socket(connected, server_hostname=host) if self._trusted else connected
        raise failure


class _Lines:
    """The lines of the relay's replies, read within the deadline however slowly they arrive."""

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self._socket = connected
        self._deadline = deadline
        self._waiting = bytearray()

    def readline(self, limit: int) -> bytes:
        """Return the next line with its line break, or its first `limit` bytes; the rest, or b"", after a hang-up."""
        while (end := self._waiting.find(b"\n") + 1) == 0 and len(self._waiting) < limit:
            self._socket.settimeout(self._deadline.remaining())
            chunk = self._socket.recv(_CHUNK_BYTES)
            if not chunk:
                break
            self._waiting += chunk
        size = min(end or len(self._waiting), limit)
        line = bytes(self._waiting[:size])
        del self._waiting[:size]
        return line

    def close(self) -> None:
        """Do nothing: the session closes the socket."""


@contextmanager
def _session(
    relay: Relay, addresses: Sequence[str], letter: Letter, *, trusted: ssl.SSLContext, deadline: Deadline
) -> Iterator[_Session]:
    """Provide a session that is greeted and logged in, with the encryption that the relay's URL asks for."""
    name = letter.sender.rpartition("@")[2]
    session = _Session(relay, addresses, name=name, trusted=trusted, deadline=deadline)
    try:
        session.ehlo_or_helo_if_needed()
        if relay.encryption is Encryption.STARTTLS:
            session.starttls(context=trusted)
            session.ehlo_or_helo_if_needed()  # nothing learned before TLS may be trusted
        if relay.login is not None:
            session.login(relay.login.user, relay.login.password)
        yield session
    finally:
        session.leave()


def _refusal(code: int, text: bytes) -> Result:
    """Return STOPPED for a final refusal of recipient or letter, else FAILED. 5.7.x is a policy that may change."""
    is_final = code in _PERMANENT and not text.startswith(_POLICY)
    return Result.STOPPED if is_final else Result.FAILED


def _said(code: int, text: bytes | str, *, refused: str, result: Result) -> Outcome:
    answer = _octets(text)[:ANSWER_BYTES]
    said = " ".join(answer.decode(errors="replace").split())
    error = f"the mail server refused {refused}: {code} {said}"
    return Outcome(result=result, status=code, error=error, answer=answer, retry_after=None)


def _octets(text: bytes | str) -> bytes:
    return text.encode() if isinstance(text, str) else text
