"""The check of a webhook's URL when a job or configuration is made; every call checks it again."""

from __future__ import annotations

from dayfile.delivery.ssrf import Destinations, RefusedDestination
from dayfile.errors import InvalidParameter


def check_receiver(url: str | None, destinations: Destinations) -> None:
    """Raise InvalidParameter for a webhook URL that webhooks may not go to. No-op without a URL."""
    if not url:
        return
    try:
        destinations.check(url)
    except RefusedDestination as refused:
        raise InvalidParameter("WebhookUrl", refused.rule, url) from refused
