"""A mail server on loopback that keeps what it is sent, and refuses what it is told to."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

PASSWORD = "p@ss/word"


@dataclass
class Mailbox:
    """The mail that came, and the answers to give: a line for each step that shall not go well."""

    answers: dict[str, str] = field(default_factory=dict)  # of MAIL, RCPT, DATA
    came: list[bytes] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    port: int = 0

    def message(self) -> EmailMessage:
        """The one e-mail that came, as a reader sees it."""
        (content,) = self.came
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        return message

    async def handle_MAIL(  # noqa: N802, PLR0917 - the names and arguments are aiosmtpd's
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """A sender."""
        envelope.mail_from = address
        return self.answers.get("MAIL", "250 ok")

    async def handle_RCPT(  # noqa: N802, PLR0917 - the same
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """A recipient."""
        envelope.rcpt_tos.append(address)
        return self.answers.get("RCPT", "250 ok")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the same
        """A letter."""
        if "DATA" in self.answers:
            return self.answers["DATA"]
        assert isinstance(envelope.content, bytes)
        assert envelope.mail_from is not None
        self.came.append(envelope.content)
        self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
        return "250 2.0.0 kept as 1A2B"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:  # noqa: PLR0917 - the same
        """A login."""
        if not isinstance(data, LoginPassword) or data.password != PASSWORD.encode():
            return AuthResult(success=False, handled=False)
        self.logins.append(data.login.decode())
        return AuthResult(success=True)


@contextmanager
def mail_server(
    *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None, login: bool = False, **answers: str
) -> Iterator[Mailbox]:
    """A mail server for as long as the block runs."""
    mailbox = Mailbox(answers=answers)

    def session() -> SMTP:
        return SMTP(
            mailbox,
            hostname="mail.example",
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=mailbox.authenticate,
            auth_required=login,
            auth_require_tls=False,
        )

    with socket.create_server(("127.0.0.1", 0)) as listening, running(session, listening, tls):
        mailbox.port = listening.getsockname()[1]
        yield mailbox


@contextmanager
def running(session: Callable[[], SMTP], listening: socket.socket, tls: ssl.SSLContext | None) -> Iterator[None]:
    """Sessions for all who connect, in a thread."""
    stop: Future[Callable[[], object]] = Future()

    async def serve() -> None:
        stopped, loop = asyncio.Event(), asyncio.get_running_loop()
        async with await loop.create_server(session, sock=listening, ssl=tls):
            stop.set_result(lambda: loop.call_soon_threadsafe(stopped.set))
            await stopped.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), name="mail server")
    thread.start()
    try:
        yield
    finally:
        stop.result()()
        thread.join()
