"""The transports of one process, by channel, made from its settings.

Apart, because it imports all transports with their libraries: what only dispatches, or only reads, needs none.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import structlog

from dayfile.clock import Clock
from dayfile.delivery.http import trusted_authorities
from dayfile.delivery.letter import Letters
from dayfile.delivery.mail import SmtpTransport
from dayfile.delivery.mail_folder import MailFolder
from dayfile.delivery.relay import Mailing
from dayfile.delivery.ssrf import Destinations, SystemResolver
from dayfile.delivery.transport import Transport
from dayfile.delivery.webhook import WebhookTransport
from dayfile.model.notice import Channel

log = structlog.get_logger()


class Transports:
    """One transport per channel. Logs once if e-mail is not sent but kept in a folder."""

    def __init__(self, destinations: Destinations, mailing: Mailing, *, ca_file: Path | None, clock: Clock) -> None:
        trusted = trusted_authorities(ca_file)
        letters = Letters(sender=mailing.sender, public_url=mailing.public_url)
        self._webhooks = WebhookTransport(destinations, trusted=trusted, clock=clock)
        mail: Transport
        if mailing.relay is None:
            log.info("mail.kept_in_folder", folder=str(mailing.folder), instead="set DAYFILE_SMTP_URL to send it")
            mail = MailFolder(mailing.folder, letters)
        else:
            mail = SmtpTransport(mailing.relay, letters, trusted=trusted, resolver=SystemResolver(), clock=clock)
        self.by_channel: Mapping[Channel, Transport] = {Channel.WEBHOOK: self._webhooks, Channel.MAIL: mail}

    def close(self) -> None:
        """Close all connections."""
        self._webhooks.close()
