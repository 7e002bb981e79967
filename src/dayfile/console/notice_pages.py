"""Pages of notices: what was told to whom, every attempt with its answer, and replay."""

from __future__ import annotations

from typing import Final

from starlette.routing import Route

from dayfile.console.paths import CONSOLE_PATH, lead_to
from dayfile.console.sheets import show
from dayfile.console.visit import CustomerRoutes, Page, Visit
from dayfile.errors import NotFound
from dayfile.model.credential import Permission
from dayfile.model.notice import NoticeEvent, NoticeState, parse_event_sid

_SECTION: Final = "Notices"
_ROWS: Final = 25
_EVENTS: Final = {
    NoticeEvent.JOB_STARTED: "A job was asked for",
    NoticeEvent.JOB_FINISHED: "A job is over",
    NoticeEvent.DAY_EXPORTED: "A day was exported",
}
_STATES: Final = {
    NoticeState.PENDING: "waits for its next attempt",
    NoticeState.DELIVERED: "delivered",
    NoticeState.STOPPED: "the receiver wants no more",
    NoticeState.EXHAUSTED: "given up after all attempts",
    NoticeState.UNSENT: "kept here, as there is no mail server",
}


def notice_routes(routes: CustomerRoutes) -> list[Route]:
    """Return the routes of the pages of notices."""
    return [
        routes.look("/notices", Permission.EXPORTS_READ, _list),
        routes.look("/notices/{sid}", Permission.EXPORTS_READ, _notice),
        routes.act("/notices/{sid}/replay", Permission.JOBS_WRITE, _replay),
    ]


def _list(visit: Visit) -> Page:
    before = visit.asked_number("before")
    chosen = next((state for state in NoticeState if state.value == visit.asked("state")), None)
    with visit.instance.database.snapshot() as tx:
        found = tx.notices.page(account=visit.account.sid, state=chosen, before=before, limit=_ROWS)
    return show(
        visit,
        "notices.html",
        section=_SECTION,
        notices=found,
        events=_EVENTS,
        states=_STATES,
        chosen=chosen,
        before=before,
        last=found[-1].number if len(found) == _ROWS else None,
    )


def _notice(visit: Visit) -> Page:
    sid = parse_event_sid(visit.request.path_params["sid"])
    with visit.instance.database.snapshot() as tx:
        notice = tx.notices.find(sid, account=visit.account.sid)
        if notice is None:
            raise NotFound(f"there is no notice {sid}")
        attempts = tx.notices.attempts(sid)
    return show(
        visit,
        "notice.html",
        section=_SECTION,
        notice=notice,
        event=_EVENTS[notice.event],
        state=_STATES[notice.state],
        attempts=[(one, one.answer.decode("utf-8", "replace")) for one in reversed(attempts)],
        may_write=visit.may(Permission.JOBS_WRITE),
    )


def _replay(visit: Visit) -> Page:
    sid = parse_event_sid(visit.request.path_params["sid"])
    visit.instance.replay.replay(sid, actor=visit.actor, account=visit.account.sid)
    return lead_to(f"{CONSOLE_PATH}/notices/{sid}")
