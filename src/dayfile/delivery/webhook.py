"""Webhooks: one signed HTTP request per attempt, and an outcome whatever the receiver does.

Every request carries the same fields, with GET and POST, and two signatures: Twilio's, which its validators check, and
that of Standard Webhooks. docs/webhooks.md explains the fields, and what each signature covers, with code that checks
it.
"""

from __future__ import annotations

import base64
import email.utils
import hmac
import re
import ssl
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote, urlencode

import httpcore2

from dayfile import __version__
from dayfile.clock import Clock
from dayfile.delivery.http import Connections
from dayfile.delivery.ssrf import Destination, Destinations, RefusedDestination, UnresolvedName, parse_destination
from dayfile.delivery.transport import Credentials, Deadline, failed, reason
from dayfile.model.notice import ANSWER_BYTES, ATTEMPT_SECONDS, LONGEST_RETRY_AFTER, JobContent, Notice, Outcome, Result

USER_AGENT: Final = f"Dayfile/{__version__}"

Fields = tuple[tuple[str, str], ...]
"""Form fields as pairs of name and value."""

_SUCCESS: Final = range(200, 300)
_REDIRECTION: Final = range(300, 400)
_GONE: Final = 410
_ASK_TO_WAIT: Final = frozenset({429, 503})
_SECONDS: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


class WebhookTransport:
    """The transport to webhooks. One limit covers an attempt from the look-up of the name to the last byte."""

    def __init__(
        self,
        destinations: Destinations,
        *,
        trusted: ssl.SSLContext,
        clock: Clock,
        seconds: float = ATTEMPT_SECONDS,
    ) -> None:
        self._connections = Connections(destinations, trusted=trusted)
        self._clock = clock
        self._seconds = seconds

    def deliver(self, notice: Notice, *, attempt: int, credentials: Credentials, now: datetime) -> Outcome:
        deadline = Deadline(self._clock, seconds=self._seconds)
        try:
            request = webhook_request(notice, credentials=credentials, now=now)
            with self._connections.answer(request, deadline=deadline) as response:
                return outcome_of(response, now=now)
        except RefusedDestination as refused:
            return failed(str(refused))
        except UnresolvedName as unresolved:
            return failed(str(unresolved))
        except (httpcore2.TimeoutException, TimeoutError):
            return failed(f"no answer within {self._seconds:g} seconds")
        except httpcore2.ConnectError as error:
            return failed(f"no connection: {reason(_cause(error))}")
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            return failed(f"no answer: {reason(_cause(error))}")

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()


def webhook_request(notice: Notice, *, credentials: Credentials, now: datetime) -> httpcore2.Request:
    """Return the complete request of an attempt, with both signatures; raises RefusedDestination."""
    destination, fields = parse_destination(notice.receiver), fields_of(notice)
    form: list[tuple[str, str]] = []
    headers = [("Host", destination.authority), ("User-Agent", USER_AGENT), ("Accept", "*/*")]
    headers += [("Accept-Encoding", "identity")]  # the kept part of a response is shown as it came
    if notice.method == "GET":
        destination = _with_query(destination, urlencode(fields, quote_via=quote))
        payload, body = destination.query, b""
    else:
        form, payload = list(fields), urlencode(fields)
        body = payload.encode()
        headers += [("Content-Type", "application/x-www-form-urlencoded"), ("Content-Length", str(len(body)))]
    headers += [
        ("X-Twilio-Signature", twilio_signature(credentials.auth_token, url=destination.url, form=tuple(form))),
        ("I-Twilio-Idempotency-Token", notice.sid),
        ("webhook-id", notice.sid),
        ("webhook-timestamp", timestamp(now)),
        (
            "webhook-signature",
            standard_signatures(credentials.webhook_secrets, message_id=notice.sid, at=now, payload=payload),
        ),
    ]
    url = httpcore2.URL(
        scheme=destination.scheme, host=destination.host, port=destination.port, target=destination.target
    )
    return httpcore2.Request(notice.method or "POST", url, headers=headers, content=body)


def fields_of(notice: Notice) -> Fields:
    """Return the fields of a notice as pairs of name and value, the common ones first; names are unique."""
    content = notice.content
    has_failed = isinstance(content, JobContent) and content.has_failed
    common = (
        ("EventSid", notice.sid),
        ("EventType", notice.event.value),
        ("AccountSid", notice.account),
        ("ResourceType", notice.resource_type.name),
        ("Status", "failed" if has_failed else "completed"),
        ("FriendlyName", content.friendly_name),
    )
    if isinstance(content, JobContent):
        return (
            *common,
            ("JobSid", str(notice.job_sid)),
            ("StartDay", str(content.days.first)),
            ("EndDay", str(content.days.last)),
            ("DaysCompleted", str(content.days_completed)),
            ("DaysEmpty", str(content.days_empty)),
            ("DaysFailed", str(content.days_failed)),
        )
    return (*common, ("Day", str(notice.day)), ("Size", str(content.size_bytes)))


def twilio_signature(auth_token: str, *, url: str, form: Fields) -> str:
    """Return X-Twilio-Signature: base64 of HMAC-SHA1 over the requested URL and the form's fields, sorted by name."""
    signed = url + "".join(name + value for name, value in sorted(form))
    return _base64(hmac.digest(auth_token.encode(), signed.encode(), "sha1"))


def standard_signatures(secrets: Iterable[bytes], *, message_id: str, at: datetime, payload: str) -> str:
    """Return webhook-signature: one `v1` signature per secret, so that a receiver may know any of the secrets."""
    signed = f"{message_id}.{timestamp(at)}.{payload}".encode()
    return " ".join(f"v1,{_base64(hmac.digest(secret, signed, 'sha256'))}" for secret in secrets)


def timestamp(at: datetime) -> str:
    """Return webhook-timestamp: Unix seconds."""
    return str(int(at.timestamp()))


def outcome_of(response: httpcore2.Response, *, now: datetime) -> Outcome:
    """Return the outcome of a response. Its status decides, even if its body breaks off."""
    status, answer = response.status, _first_bytes(response)
    if status in _SUCCESS:
        return Outcome(result=Result.DELIVERED, status=status, error=None, answer=answer, retry_after=None)
    if status == _GONE:
        error = "the receiver answered 410: it wants no more notices"
        return Outcome(result=Result.STOPPED, status=status, error=error, answer=answer, retry_after=None)
    not_followed = ", and redirects are not followed" if status in _REDIRECTION else ""
    return Outcome(
        result=Result.FAILED,
        status=status,
        error=f"the receiver answered {status}{not_followed}",
        answer=answer,
        retry_after=_retry_after(response.headers, now=now) if status in _ASK_TO_WAIT else None,
    )


def _with_query(destination: Destination, encoded: str) -> Destination:
    query = f"{destination.query}&{encoded}" if destination.query else encoded
    return Destination(
        scheme=destination.scheme,
        host=destination.host,
        port=destination.port,
        path=destination.path,
        query=query,
    )


def _first_bytes(response: httpcore2.Response) -> bytes:
    answer = bytearray()
    try:
        for chunk in response.iter_stream():
            answer += chunk
            if len(answer) > ANSWER_BYTES:
                break
    except (httpcore2.TimeoutException, TimeoutError, httpcore2.NetworkError, httpcore2.ProtocolError):
        pass  # keep what has arrived; the status is known
    return bytes(answer[:ANSWER_BYTES])


def _retry_after(headers: Sequence[tuple[bytes, bytes]], *, now: datetime) -> timedelta | None:
    """Return the delay of a Retry-After header, in seconds or as a date; None if it is neither."""
    text = next((value for name, value in headers if name.lower() == b"retry-after"), b"").decode("latin-1").strip()
    if _SECONDS.fullmatch(text):
        return min(timedelta(seconds=int(text)), LONGEST_RETRY_AFTER)
    try:
        until = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    # A date without a zone is in UTC, as all dates in HTTP.
    asked = until.replace(tzinfo=until.tzinfo or UTC) - now
    return min(max(asked, timedelta()), LONGEST_RETRY_AFTER)


def _cause(error: Exception) -> Exception:
    """Return the error that httpcore2 has wrapped, or the error itself if there is none."""
    cause = error.args[0] if error.args else None
    return cause if isinstance(cause, Exception) else error


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
