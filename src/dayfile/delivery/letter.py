"""What an e-mail says: a text and the same as a page, made of templates. No link in it opens anything by itself."""

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

    sender: str  # addresses, as the envelope has them
    recipient: str
    content: bytes


class Letters:
    """Writes the e-mail of a notice, byte for byte the same on every attempt."""

    def __init__(self, *, sender: Sender, public_url: str) -> None:
        self.sender = sender
        self._public_url = public_url

    def write(self, notice: Notice) -> Letter:
        """The e-mail of a notice about a job."""
        content = notice.content
        if notice.event not in _KINDS or not isinstance(content, JobContent):
            raise ValueError(f"nobody is told by e-mail of {notice.event.value}")
        text, page = (self._render(notice, content, form) for form in ("txt", "html"))
        headers = (
            ("From", str(self.sender)),
            ("To", notice.receiver),
            ("Subject", subject_of(notice, content)),
            ("Date", format_datetime(notice.created_at)),
            # The same on every attempt: a mailbox that got it twice shows it once.
            ("Message-ID", f"<{notice.sid}@{self.sender.domain}>"),
            ("Auto-Submitted", "auto-generated"),  # no vacation notice comes back for it
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
            autoescape=select_autoescape(["html"], default=False),  # what is no page has nothing to escape
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )


def subject_of(notice: Notice, content: JobContent) -> str:
    """The subject: what happened, to what, under the name that the customer gave it."""
    name = one_line(content.friendly_name)
    shown = name if len(name) <= _NAME_IN_SUBJECT else f"{name[:_NAME_IN_SUBJECT]}…"
    if notice.event is NoticeEvent.JOB_STARTED:
        happened = "Export job started"
    else:
        happened = "Export job over, with failed days" if content.has_failed else "Export job completed"
    return f"{happened}: {notice.resource_type} {content.days.first} to {content.days.last} ({shown})"


def one_line(text: str) -> str:
    """A name as it can stand in a line: what would break the line, or turn it round, is a space."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _header(name: str, value: str) -> bytes:
    """One header. EmailMessage would first read the value, and make of a customer's `=?` whatever it encodes."""
    if not value.isprintable():
        raise ValueError(f"the header {name} must be one line")
    is_plain = value.isascii() and "=?" not in value
    encoded = value if is_plain else Header(value, "utf-8", header_name=name).encode(linesep="\r\n")
    return f"{name}: {encoded}\r\n".encode()
