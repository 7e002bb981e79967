"""The two forms of a version: as platforms send it, and as its line in an export.

Apart, because the line is built from the documented format alone, with another JSON encoder than the server's, so that
finding it in a day file proves something.
"""

from __future__ import annotations

import json
from datetime import datetime
from email.utils import format_datetime

from dayfile.demo.records import Fields, Value
from dayfile.model.resource import ResourceType

_API_VERSION = "2010-04-01"


def export_line(fields: Fields) -> bytes:
    """Return the line in an export: members in the documented order, the shortest JSON, UTF-8, one newline."""
    plain = {name: _iso(value) for name, value in fields.items()}
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def rest_line(resource_type: ResourceType, fields: Fields) -> bytes:
    """Return the REST form: RFC 2822 dates, numbers as text, sorted members, escapes, members that exports drop."""
    own = {name: _mail(value) for name, value in fields.items()}
    name = "/".join(str(fields[key.name]) for key in resource_type.key_fields)
    uri = f"/{_API_VERSION}/Accounts/{fields['account_sid']}/{resource_type.name}/{name}.json"
    extra: dict[str, object] = {
        "api_version": _API_VERSION,
        "uri": uri,
        "subresource_uris": {},
        "label": None,
        "price_unit": "USD",
    }
    added = {name: value for name, value in extra.items() if name in resource_type.dropped}
    return json.dumps(own | added, sort_keys=True).encode()


def _iso(value: Value) -> object:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value


def _mail(value: Value) -> object:
    if isinstance(value, datetime):
        return format_datetime(value)
    return str(value) if type(value) is int else value
