"""Whether webhooks may go where a customer wants them: asked when a job or configuration is made, and at every call."""

from __future__ import annotations

from dayfile.delivery.addresses import Destinations
from dayfile.delivery.destination import RefusedDestination
from dayfile.errors import InvalidParameter


def check_receiver(url: str | None, destinations: Destinations) -> None:
    """Raises InvalidParameter for a webhook's URL, if there is one, that leads where none may go."""
    if not url:
        return
    try:
        destinations.check(url)
    except RefusedDestination as refused:
        raise InvalidParameter("WebhookUrl", refused.rule, url) from refused
