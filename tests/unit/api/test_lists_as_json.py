"""Lists whose entries are JSON already: the same bytes as their body gives, also for what was shown before."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dayfile.api.body import json_text
from dayfile.api.export_bodies import DayBody, DayListBody, day_json
from dayfile.api.job_bodies import CustomJobBody, CustomJobListBody, job_json
from dayfile.api.paging import MetaBody
from dayfile.api.responses import json_response, list_response
from dayfile.model.day import Day
from dayfile.model.export import ListedDay
from dayfile.model.job import JobSid, ListedJob, Queue, Status, StatusGroup
from dayfile.model.resource import CALLS, MESSAGES, ResourceType
from dayfile.web.queue_places import QueuePlaces

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
META = MetaBody(
    page=0, page_size=50, first_page_url="http://a", previous_page_url=None, url="http://a", next_page_url=None, key="x"
)

# Of few values each, so that many are alike but for one member.
kinds = st.sampled_from([MESSAGES, CALLS])
names = st.sampled_from(["october", 'a "job" of {ours}: 1, 2', "Zürich\n", ""])
days = st.sampled_from([Day(date(2026, 11, 1)), Day(date(2026, 11, 2))])
moments = st.sampled_from([NOW, NOW + timedelta(days=1)])
listed_days = st.builds(
    ListedDay,
    day=days,
    friendly_name=names,
    created_at=moments,
    generation=st.integers(1, 2),
    size_bytes=st.sampled_from([0, 1, 2**31 - 1, 2**40]),
)
listed_jobs = st.builds(
    ListedJob,
    sid=st.sampled_from([JobSid("JS" + "0" * 32), JobSid("JS" + "1" * 32)]),
    first=days,
    last=days,
    friendly_name=names,
    webhook_url=st.sampled_from([None, "https://example.com/hook"]),
    webhook_method=st.sampled_from([None, "GET", "POST"]),
    email=st.sampled_from([None, "someone@example.com"]),
    submit_number=st.integers(1, 3),
    over_at=st.none() | moments,
    details=st.lists(
        st.builds(StatusGroup, status=st.sampled_from(Status), days=st.lists(days, min_size=1).map(tuple)), max_size=2
    ).map(tuple),
)
places = st.builds(
    QueuePlaces,
    queue=st.builds(
        Queue.of, st.just([(1, 3), (2, 1), (3, 400)]), before=st.integers(0, 2), days_before=st.integers(0, 2)
    ),
    days_per_second=st.sampled_from([None, 0.5, 2.0]),
    now=moments,
)


@given(st.lists(listed_days), kinds)
def test_a_list_of_days_is_what_its_body_says(listed: list[ListedDay], kind: ResourceType) -> None:
    """The document describes the body; an entry that is remembered for another day would be somebody else's."""
    body = DayListBody(meta=META, days=[DayBody.of(one, kind) for one in listed])
    shown = list_response(meta=json_text(META), key="days", items=[day_json(one, kind) for one in listed])
    assert (shown.body, shown.raw_headers) == (json_response(body).body, json_response(body).raw_headers)


@given(st.lists(listed_jobs), kinds, places)
def test_a_list_of_jobs_is_what_its_body_says(jobs: list[ListedJob], kind: ResourceType, places: QueuePlaces) -> None:
    """A job that is over is remembered as it is; another one has a new place and estimate each time."""
    body = CustomJobListBody(meta=META, jobs=[CustomJobBody.of(one, kind, places.place(one)) for one in jobs])
    shown = list_response(meta=json_text(META), key="jobs", items=[job_json(one, kind, places) for one in jobs])
    assert (shown.body, shown.raw_headers) == (json_response(body).body, json_response(body).raw_headers)
