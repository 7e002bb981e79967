"""Letters: an e-mail as plain text and HTML, rendered from templates. Its links grant no access by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from email import policy
from email.header import Header
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cached_property
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from dayfile.delivery.relay import Sender
from dayfile.model.notice import JobContent, Notice, NoticeEvent

_TEMPLATES: Final = Path(__file__).with_name("templates")
_KINDS: Final = {NoticeEvent.JOB_FINISHED: "finished", NoticeEvent.JOB_STARTED: "started"}
_NAME_IN_SUBJECT: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """An e-mail, ready to be sent."""

    sender: str  # envelope address
    recipient: str
    content: bytes


class Letters:
    """A composer of the e-mails of notices: that of a notice is byte for byte the same on every attempt."""

    def __init__(self, *, sender: Sender, public_url: str) -> None:
        self.sender = sender
        self._public_url = public_url

    def write(self, notice: Notice) -> Letter:
        """Return the e-mail of a notice about a job; raises ValueError for any other notice."""
        content = notice.content
        if notice.event not in _KINDS or not isinstance(content, JobContent):
            raise ValueError(f"nobody is told by e-mail of {notice.event.value}")
        text, page = (self._render(notice, content, form) for form in ("txt", "html"))
        headers = (
            ("From", str(self.sender)),
            ("To", notice.receiver),
            ("Subject", subject_of(notice, content)),
            ("Date", format_datetime(notice.created_at)),
            # The same on every attempt, so that mailboxes can drop duplicates.
            ("Message-ID", f"<{notice.sid}@{self.sender.domain}>"),
            ("Auto-Submitted", "auto-generated"),  # suppresses out-of-office replies
        )
        head = b"".join(_header(name, value) for name, value in headers)
        body = EmailMessage(policy=policy.SMTP)
        body.set_content(text, cte="quoted-printable")
        body.add_alternative(page, subtype="html", cte="quoted-printable")
        body.set_boundary(f"=_{notice.sid}")
        return Letter(sender=self.sender.address, recipient=notice.receiver, content=head + body.as_bytes())

    def _render(self, notice: Notice, content: JobContent, form: str) -> str:
        return self._environment.get_template(f"{_KINDS[notice.event]}.{form}").render(
            name=one_line(content.friendly_name),
            content=content,
            notice=notice,
            url=self._public_url,
            range=f"{content.days.first}..{content.days.last}",
        )

    @cached_property
    def _environment(self) -> Environment:
        return Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=select_autoescape(["html"], default=False),  # plain text needs no escaping
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )


def subject_of(notice: Notice, content: JobContent) -> str:
    """Return the subject: what happened, to which resource type and days, and the job's friendly name."""
    name = one_line(content.friendly_name)
    shown = name if len(name) <= _NAME_IN_SUBJECT else f"{name[:_NAME_IN_SUBJECT]}…"
    if notice.event is NoticeEvent.JOB_STARTED:
        happened = "Export job started"
    else:
        happened = "Export job over, with failed days" if content.has_failed else "Export job completed"
    return f"{happened}: {notice.resource_type} {content.days.first} to {content.days.last} ({shown})"


def one_line(text: str) -> str:
    """Return a name on one line: runs of white space, line breaks and control characters become one space."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _header(name: str, value: str) -> bytes:
    """Return one encoded header. EmailMessage would decode a `=?` in a customer's text before it encodes the value."""
    if not value.isprintable():
        raise ValueError(f"the header {name} must be one line")
    is_plain = value.isascii() and "=?" not in value
    encoded = value if is_plain else Header(value, "utf-8", header_name=name).encode(linesep="\r\n")
    return f"{name}: {encoded}\r\n".encode()
