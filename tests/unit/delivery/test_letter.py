"""The text of e-mail, and texts that nobody can make it say."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.delivery.letter import Letters
from dayfile.delivery.mail_folder import MailFolder
from dayfile.delivery.relay import Sender
from dayfile.errors import StorageUnavailable
from dayfile.model.notice import DayContent, JobContent, Notice, NoticeEvent, Result
from tests.support.clock import NOON
from tests.support.told import ACCOUNT, CREDENTIALS, EVENT, JOB, OCTOBER, a_notice

LETTERS = Letters(sender=Sender(name="", address="exports@example.org"), public_url="https://logs.example.org")
HEADERS = {"From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"}


def a_mail(*, event: NoticeEvent = NoticeEvent.JOB_FINISHED, **changes: object) -> Notice:
    """A notice to somebody's mailbox, about a job with this content."""
    content = replace(OCTOBER, **changes)  # type: ignore[arg-type]
    return replace(a_notice("someone@example.com", method=None, content=content), event=event)


def read(notice: Notice, letters: Letters = LETTERS) -> EmailMessage:
    """The letter as a mail program reads it."""
    message = message_from_bytes(letters.write(notice).content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def body(message: EmailMessage, kind: str) -> str:
    """The text or the page of a letter."""
    part = message.get_body((kind,))
    assert part is not None
    text = part.get_content()
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_a_finished_job_is_told_with_its_days_and_how_to_fetch_them(kind: str) -> None:
    """A reader who finds it weeks later can still use it: there is no link in it that dies in the inbox."""
    message = read(a_mail(friendly_name="october", days_failed=0))
    text = body(message, kind)
    for told in ("complete", "october", JOB, ACCOUNT, "2026-10-01 to 2026-10-31", "28 with records", "2 without any"):
        assert told in text
    assert f"--user {ACCOUNT}:AUTH_TOKEN" in text
    assert "https://logs.example.org/v1/Exports/Messages/Days/2026-10-01" in text
    assert "dayfile days download Messages 2026-10-01..2026-10-31" in text
    assert "Signature" not in text
    assert message["Subject"] == "Export job completed: Messages 2026-10-01 to 2026-10-31 (october)"


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_failed_days_are_told_first(kind: str) -> None:
    """Nobody should take a job for complete that is not."""
    message = read(a_mail(days_failed=3))
    assert "3 of its days failed" in body(message, kind)
    assert str(message["Subject"]).startswith("Export job over, with failed days: ")


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_the_start_of_a_job_is_told_with_what_to_do_against_it(kind: str) -> None:
    """It goes to the account's owner, who may not know of it."""
    message = read(a_mail(event=NoticeEvent.JOB_STARTED, friendly_name="october"))
    text = body(message, kind)
    assert "has started" in text
    assert f"https://logs.example.org/v1/Exports/Jobs/{JOB}" in text
    assert "rotate" in text
    assert message["Subject"] == "Export job started: Messages 2026-10-01 to 2026-10-31 (october)"


def test_every_letter_says_what_it_is() -> None:
    """No vacation notice answers it, and every attempt of it is the same letter."""
    message = read(a_mail())
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == f"<{EVENT}@example.org>"
    assert message["Date"].datetime == NOON
    assert LETTERS.write(a_mail()) == LETTERS.write(a_mail())


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=256)


@given(
    names
    | st.sampled_from(["a\r\nBcc: other@example.com", "a\nb", "a\n\nb", "\u2028x", "=?utf-8?q?x=0aBcc:?=", "\u202ex"])
)
def test_a_friendly_name_is_never_more_than_a_name(name: str) -> None:
    """A customer chooses it: it must not become a header, a recipient, a line of its own or a piece of the page."""
    message = read(a_mail(friendly_name=name))
    assert set(message.keys()) == HEADERS
    assert str(message["To"]) == "someone@example.com"
    plain, other = (body(read(notice), "plain") for notice in (a_mail(friendly_name=name), a_mail(friendly_name="x")))
    assert plain.count("\n") == other.count("\n")


def test_an_address_is_never_more_than_an_address() -> None:
    """All of these characters may stand before an at sign, and some readers make a header of them."""
    odd = replace(a_mail(), receiver="=?utf-8?q?=0aBcc:_x?=@example.com")
    letter = LETTERS.write(odd)
    assert set(read(odd).keys()) == HEADERS
    assert (letter.recipient, letter.sender) == (odd.receiver, "exports@example.org")
    with pytest.raises(ValueError, match="To must be one line"):
        LETTERS.write(replace(a_mail(), receiver="a@example.com\r\nBcc: b@example.com"))


def test_a_friendly_name_does_not_run_in_the_page() -> None:
    """Mail programs show pages, and some run what is in them."""
    page = body(read(a_mail(friendly_name='<script>alert("x")</script>')), "html")
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_nobody_is_written_to_about_a_daily_file() -> None:
    """There would be one every day for each type; that is what webhooks are for."""
    with pytest.raises(ValueError, match=r"day\.exported"):
        LETTERS.write(a_notice("someone@example.com", content=DayContent(friendly_name="x", size_bytes=1)))


def test_without_a_server_a_letter_lies_in_the_folder_once(tmp_path: Path) -> None:
    """However often it is tried: a worker may die between the file and the row that says so."""
    folder = MailFolder(tmp_path / "data" / "mail", LETTERS)
    for _ in range(2):
        outcome = folder.deliver(a_mail(), attempt=1, credentials=CREDENTIALS, now=NOON)
        assert outcome.result is Result.UNSENT, "nobody has it yet"
        assert "no mail server is set" in (outcome.error or "")
    (path,) = (tmp_path / "data" / "mail").iterdir()
    assert path.name == f"{EVENT}.eml"
    assert path.read_bytes() == LETTERS.write(a_mail()).content
    assert path.stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_written_is_the_operators_trouble(tmp_path: Path) -> None:
    """The attempt fails with a reason that names no path of this machine, and nothing is left behind."""
    (tmp_path / "mail").write_text("a file is in the way")
    with pytest.raises(StorageUnavailable, match="put a letter into the mail folder") as raised:
        MailFolder(tmp_path / "mail", LETTERS).deliver(a_mail(), attempt=1, credentials=CREDENTIALS, now=NOON)
    assert str(tmp_path) not in str(raised.value)


def test_the_content_of_a_job_is_what_letters_are_made_of() -> None:
    """A field that is added to it is a line that is missing here."""
    assert set(JobContent.__slots__) == {"friendly_name", "days", "days_completed", "days_empty", "days_failed"}
