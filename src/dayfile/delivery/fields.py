"""Form fields of a webhook, the same for GET and POST. docs/webhooks.md explains them."""

from __future__ import annotations

from dayfile.model.notice import JobContent, Notice

Fields = tuple[tuple[str, str], ...]


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
