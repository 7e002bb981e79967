"""Bad input in bodies: each parameter of each form, in every way it can be wrong; and bodies that are no forms."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

import pytest

from dayfile.api.app import OPERATIONS
from tests.support.documented import READING
from tests.support.intake_server import Server, served
from tests.support.refusal import FORM, Refusal, ask, nothing_changes

JOBS, CONFIGURATION = "/v1/Exports/Messages/Jobs", "/v1/Exports/Messages/Configuration"
PATHS = {"CreateExportCustomJob": JOBS, "UpdateExportConfiguration": CONFIGURATION}
JOB = {"StartDay": "2026-11-01", "EndDay": "2026-11-02", "FriendlyName": "never"}
HOOK = "https://example.com/hook"
FORMS = {
    name: tuple(next(iter(READING.content(operation.body)))[1]["properties"])
    for operation in OPERATIONS
    if operation.body and (name := operation.name) in PATHS
}
EVERY = [(name, parameter) for name, parameters in FORMS.items() for parameter in parameters]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One instance: nothing here may change it."""
    with served(tmp_path_factory.mktemp("bad")) as server:
        yield server


def send(server: Server, name: str, body: bytes, headers: Mapping[str, str] | None = None) -> Refusal:
    """Send a body that must be refused."""
    with nothing_changes(server):
        return ask(server, "POST", PATHS[name], body=body, headers=headers)


def job_with(**changes: str | None) -> bytes:
    """The form of a job that would be made, but for the changes; None leaves a parameter out."""
    return urlencode({name: value for name, value in (JOB | changes).items() if value is not None}).encode()


@pytest.mark.compat(17, 67)
@pytest.mark.parametrize(
    ("twisted", "says"),
    [
        (b"%s=1&%s=1", "must be given only once; got '1'"),
        (b"%s=a%%00b&%s", "must not contain the character NUL; got 'a\\x00b'"),
        (b"%s=%%zz&x%s=", "must be percent-encoded: a % must be followed by two hexadecimal digits, or be %25"),
        (b"%s=%%ff&x%s=", "must be UTF-8 where it is percent-encoded; got '%ff'"),
        (b"%s=\xe9&x%s=", "must be UTF-8 where it is percent-encoded; got '\u00e9'"),
        (b"%s=%%c0%%80&x%s=", "must be UTF-8 where it is percent-encoded; got '%c0%80'"),
    ],
    ids=["twice", "NUL", "broken", "not UTF-8", "Latin-1", "overlong NUL"],
)
@pytest.mark.parametrize(("name", "parameter"), EVERY)
def test_a_parameter_that_cannot_be_read_is_named(
    server: Server, name: str, parameter: str, *, twisted: bytes, says: str
) -> None:
    """Whichever it is: the same words, and nothing is made of the rest."""
    rest = {key: value for key, value in JOB.items() if key != parameter and name == "CreateExportCustomJob"}
    spelled = parameter.encode()
    answer = send(server, name, twisted % (spelled, spelled) + b"&" + urlencode(rest).encode())
    assert (answer.status, answer.code) == (400, 20001)
    assert f"{parameter} {says}" in answer.message


@pytest.mark.compat(16)
@pytest.mark.parametrize("parameter", list(JOB))
@pytest.mark.parametrize("how", ["left out", "in another case", "with a space", "as a list"])
def test_a_parameter_that_is_missing_is_named_in_twilio_s_words(server: Server, parameter: str, how: str) -> None:
    """Under any other name it is another parameter."""
    other = {"in another case": parameter.lower(), "with a space": f"{parameter} ", "as a list": f"{parameter}[]"}
    given = {} if how == "left out" else {other[how]: JOB[parameter]}
    answer = send(server, "CreateExportCustomJob", job_with(**{parameter: None}, **given))
    assert (answer.status, answer.code) == (400, 20001)
    assert answer.message == f"Missing required parameter {parameter} in the post body"


NO_DATES = (
    *("", " ", "2026-02-30", "2026-02-29", "2026-13-01", "2026-11-00", "0000-01-01", "20261101", "2026-11-1"),
    *("26-11-01", "2026-W45-1", "2026-11-01T00:00:00Z", "2026/11/01", "01.11.2026", " 2026-11-01", "2026-11-01\n"),
    *(
        "+2026-11-01",
        "\N{ARABIC-INDIC DIGIT TWO}026-11-01",
        "2026\N{MINUS SIGN}11\N{MINUS SIGN}01",
        "today",
        "1" * 3000,
        "null",
    ),
)


@pytest.mark.parametrize("value", NO_DATES, ids=lambda value: ascii(value[:12]))
@pytest.mark.parametrize("parameter", ["StartDay", "EndDay"])
def test_a_date_that_is_none_is_named_with_rule_and_value(server: Server, parameter: str, value: str) -> None:
    """A job over other days than were meant is worse than none."""
    answer = send(server, "CreateExportCustomJob", job_with(**{parameter: value}))
    assert (answer.status, answer.code) == (400, 20001)
    assert answer.message.startswith(f"{parameter} must be a ")
    assert "in the form yyyy-mm-dd; got '" in answer.message
    assert repr(value)[:20].rstrip("'") in answer.message
    assert len(answer.message) < 300


@pytest.mark.compat(45, 46)
@pytest.mark.parametrize(
    ("start", "end", "says"),
    [
        ("2026-11-03", "2026-11-02", "StartDay must not be after EndDay (2026-11-02); got '2026-11-03'"),
        ("2026-11-01", "2026-11-22", "EndDay must be at least two days before today in UTC, so 2026-11-21 or earlier"),
        ("2026-11-01", "2026-11-23", "; got '2026-11-23'"),
        ("2026-11-01", "9999-12-31", "EndDay must be at least two days before today"),
        ("2026-11-24", "2026-11-25", "EndDay must be at least two days before today"),
        ("2009-12-31", "2010-01-02", "StartDay must not be before 2010-01-01; got '2009-12-31'"),
        ("0001-01-01", "0001-01-02", "StartDay must not be before 2010-01-01; got '0001-01-01'"),
        ("2025-11-21", "2026-11-22", "EndDay must be at least"),
        ("2025-11-20", "2026-11-21", "asks for 367 days, and 366 of 366 are left"),
        ("2010-01-01", "2026-11-21", "the count starts anew on 2026-11-24 (UTC)"),
    ],
)
def test_a_range_that_cannot_be_exported_is_told_why(server: Server, start: str, end: str, says: str) -> None:
    """Backwards, too recent, too old, too long: each has its rule, and no day of the quota is spent on it."""
    answer = send(server, "CreateExportCustomJob", job_with(StartDay=start, EndDay=end))
    assert (answer.status, answer.code) == (400, 20001)
    assert says in answer.message


URL_RULE = "WebhookUrl must be an absolute http or https URL of ASCII characters without spaces; got '"
URLS = {
    "example.com": URL_RULE,
    "/hook": URL_RULE,
    "//example.com/hook": URL_RULE,
    "ftp://example.com/": URL_RULE,
    "file:///etc/passwd": URL_RULE,
    "javascript:alert(1)": URL_RULE,
    "http://": URL_RULE,
    "http:///hook": URL_RULE,
    "https://:443/": URL_RULE,
    "https://example.com:0/": URL_RULE,
    "https://example.com:99999/": URL_RULE,
    "https://example.com:x/": URL_RULE,
    "https://[::1/": URL_RULE,
    "https://exa mple.com/": URL_RULE,
    "https://example.com/\r\nX-Header: x": URL_RULE,
    "https://bücher.example/": URL_RULE,
    " https://example.com/": URL_RULE,
    "https://example.com/" + "x" * 2029: "WebhookUrl must have 1 to 2048 characters, not 2049; got '",
}
METHODS = ("get", "Post", "PUT", "DELETE", "GET ", "GET,POST", "x" * 3000)


@pytest.mark.parametrize(("url", "says"), list(URLS.items()), ids=lambda text: ascii(text[:24]))
@pytest.mark.parametrize("name", list(FORMS))
def test_a_webhook_url_that_cannot_be_called_is_refused(server: Server, name: str, url: str, says: str) -> None:
    """Now, and not on the night when the first notice is due."""
    form = urlencode((JOB if name == "CreateExportCustomJob" else {}) | {"WebhookUrl": url, "WebhookMethod": "POST"})
    answer = send(server, name, form.encode())
    assert (answer.status, answer.code) == (400, 20001)
    assert answer.message.startswith(says)
    assert len(answer.message) < 300


@pytest.mark.parametrize("method", METHODS, ids=lambda text: text[:8])
@pytest.mark.parametrize("name", list(FORMS))
def test_a_webhook_method_is_one_of_two(server: Server, name: str, method: str) -> None:
    """Spelled in capitals, as HTTP has it."""
    form = urlencode((JOB if name == "CreateExportCustomJob" else {}) | {"WebhookUrl": HOOK, "WebhookMethod": method})
    answer = send(server, name, form.encode())
    assert (answer.status, answer.code) == (400, 20001)
    assert answer.message.startswith(f"WebhookMethod must be GET or POST; got {method[:20]!r}"[:-1])


@pytest.mark.compat(47)
@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"WebhookUrl": HOOK}, "WebhookMethod"),
        ({"WebhookMethod": "POST"}, "WebhookUrl"),
        ({"WebhookUrl": HOOK, "WebhookMethod": ""}, "WebhookMethod"),
        ({"WebhookUrl": "", "WebhookMethod": "POST"}, "WebhookUrl"),
    ],
)
@pytest.mark.parametrize("name", list(FORMS))
def test_half_a_webhook_is_none(server: Server, name: str, given: dict[str, str], missing: str) -> None:
    """An empty text counts as none."""
    form = urlencode((JOB if name == "CreateExportCustomJob" else {}) | given)
    answer = send(server, name, form.encode())
    assert (answer.status, answer.code) == (400, 20001)
    assert answer.message.startswith(f"{missing} must be given together with Webhook")


@pytest.mark.parametrize(
    ("parameter", "value", "says"),
    [
        ("FriendlyName", "", "FriendlyName must have 1 to 256 characters, not 0"),
        ("FriendlyName", "ü" * 257, "FriendlyName must have 1 to 256 characters, not 257; got 'üüü"),
        ("Email", "nobody", "Email must be one e-mail address such as someone@example.com; got 'nobody'"),
        ("Email", "a@b, c@d", "Email must be one e-mail address"),
        ("Email", "Some One <a@b.example>", "Email must be one e-mail address"),
        ("Email", "a@b\r\nBcc: c@d", "Email must be one e-mail address"),
        ("Email", "a@-b.example", "Email must be one e-mail address"),
        ("Email", "ü@example.com", "Email must be one e-mail address"),
        ("Email", "x" * 65 + "@example.com", "Email must be one e-mail address"),
        ("Email", "a@" + "b." * 130 + "example", "Email must be one e-mail address"),
    ],
    ids=lambda text: ascii(text[:20]),
)
def test_other_texts_of_a_job_have_their_rules(server: Server, parameter: str, value: str, says: str) -> None:
    """A mail with a second line would be two mails; a name without a letter is none."""
    answer = send(server, "CreateExportCustomJob", job_with(**{parameter: value}))
    assert (answer.status, answer.code) == (400, 20001)
    assert answer.message.startswith(says)


@pytest.mark.parametrize("value", ["", "yes", "1", "0", "on", "truetrue", " true", "null", "true" * 900])
def test_enabled_is_yes_or_no(server: Server, value: str) -> None:
    """Anything else is not taken for no: somebody would wait for files that never come."""
    answer = send(server, "UpdateExportConfiguration", urlencode({"Enabled": value}).encode())
    assert (answer.status, answer.code) == (400, 20001)
    assert answer.message.startswith("Enabled must be true or false; got '")


MULTIPART = "multipart/form-data; boundary=x"
PARTS = b'--x\r\nContent-Disposition: form-data; name="StartDay"\r\n\r\n2026-11-01\r\n--x--\r\n'
BODIES = [
    (json.dumps(JOB).encode(), {"Content-Type": "application/json"}, "must be a form", 400),
    (PARTS, {"Content-Type": MULTIPART}, "not 'multipart/form-data'", 400),
    (b"<StartDay/>", {"Content-Type": "text/xml"}, "not 'text/xml'", 400),
    (job_with(), {"Content-Type": "text/plain"}, "not 'text/plain'", 400),
    (job_with(), {"Content-Type": ""}, "not ''", 400),
    (job_with(), {"Content-Type": f"{FORM}; charset=iso-8859-1"}, "not in iso-8859-1", 400),
    (job_with().decode().encode("utf-16"), {"Content-Type": f"{FORM}; charset=utf-16"}, "not in utf-16", 400),
    (gzip.compress(job_with()), {"Content-Encoding": "gzip"}, "without Content-Encoding", 400),
    (job_with(Unknown="x" * 70_000), {}, "at most 65536 bytes", 413),
    (b"&" * 70_000, {}, "at most 65536 bytes", 413),
]


@pytest.mark.compat(67)
@pytest.mark.parametrize(("body", "headers", "says", "status"), BODIES, ids=[says for _, _, says, _ in BODIES])
@pytest.mark.parametrize("name", list(FORMS))
def test_a_body_that_is_no_form_is_refused(
    server: Server, name: str, body: bytes, *, headers: dict[str, str], says: str, status: int
) -> None:
    """Guessing at it would make a job, or switch something off, that nobody asked for."""
    answer = send(server, name, body, headers)
    assert (answer.status, answer.code) == (status, 20001 if status == 400 else 20413)
    assert says in answer.message


def test_every_parameter_of_every_form_is_in_these_tables() -> None:
    """A new one gets its rows, and a new form its path."""
    with_forms = {o.name for o in OPERATIONS if o.body and FORM in dict(READING.content(o.body))}
    assert with_forms == set(FORMS)
    assert {parameter for _, parameter in EVERY} == {
        *JOB,
        *("WebhookUrl", "WebhookMethod", "Email", "Enabled"),
    }
