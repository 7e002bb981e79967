"""E-mail addresses: a check of their form. Only mail can find out if anybody reads it."""

from __future__ import annotations

import re

from dayfile.errors import InvalidParameter

LONGEST_EMAIL = 254

# The form that browsers accept (WHATWG HTML, "valid e-mail address").
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})*", re.ASCII)


def parse_email(text: str, *, name: str) -> str:
    """Read one e-mail address; raises InvalidParameter naming `name`."""
    if len(text) > LONGEST_EMAIL or not _EMAIL.fullmatch(text):
        raise InvalidParameter(name, "must be one e-mail address such as someone@example.com", text)
    return text
