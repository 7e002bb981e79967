"""Forms of jobs and configurations, from texts to values: the API and the console have the same rules."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from dayfile.errors import InvalidParameter
from dayfile.model.account import Account
from dayfile.model.day import custom_range
from dayfile.model.export import ConfigurationChange
from dayfile.model.job import JobRequest
from dayfile.model.resource import ResourceType
from dayfile.web.params import (
    check_email,
    check_length,
    check_url,
    check_webhook_method,
    optional,
    parse_flag,
    required,
)

LONGEST_NAME: Final = 256
"""Most characters of a job's friendly name."""


def parse_job_request(
    parameters: Mapping[str, str], account: Account, resource_type: ResourceType, *, now: datetime
) -> JobRequest:
    """Parse the parameters of a job; raises Invalid, or InvalidParameter with the parameter, the rule and the value."""
    start, end = required(parameters, "StartDay"), required(parameters, "EndDay")
    friendly_name = check_length("FriendlyName", required(parameters, "FriendlyName"), longest=LONGEST_NAME)
    webhook_url, webhook_method = _webhook(parameters)
    email = optional(parameters, "Email")
    return JobRequest(
        account=account.sid,
        root_account=account.root,
        resource_type=resource_type,
        days=custom_range(start, end, now=now),
        friendly_name=friendly_name,
        webhook_url=webhook_url,
        webhook_method=webhook_method,
        email=check_email("Email", email) if email else None,
    )


def parse_configuration_change(parameters: Mapping[str, str]) -> ConfigurationChange:
    """Parse the changes of a configuration; raises Invalid, or InvalidParameter as above."""
    enabled, url, method = (parameters.get(name) for name in ("Enabled", "WebhookUrl", "WebhookMethod"))
    return ConfigurationChange(
        enabled=None if enabled is None else parse_flag("Enabled", enabled),
        webhook_url=check_url("WebhookUrl", url) if url else url,
        webhook_method=check_webhook_method(method) if method else method,
    )


def _webhook(parameters: Mapping[str, str]) -> tuple[str | None, str | None]:
    url, method = optional(parameters, "WebhookUrl"), optional(parameters, "WebhookMethod")
    if url is None and method is None:
        return None, None
    if method is None:
        raise InvalidParameter("WebhookMethod", "must be given together with WebhookUrl")
    if url is None:
        raise InvalidParameter("WebhookUrl", "must be given together with WebhookMethod")
    check_webhook_method(method)
    return check_url("WebhookUrl", url), method
