"""What a webhook says of a notice: names and texts, the same for GET and POST. docs/webhooks.md explains them."""

from __future__ import annotations

from dayfile.model.notice import JobContent, Notice

Fields = tuple[tuple[str, str], ...]


def fields_of(notice: Notice) -> Fields:
    """The fields of a notice, the common ones first; no name comes twice."""
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
