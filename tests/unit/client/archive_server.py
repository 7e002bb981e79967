"""A BulkExports server of somebody else's with jobs, a quota, and files that it forgets: for clients that archive."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import httpx2

from dayfile.model.day import Day, DayRange

_NOW = {"Date": "Mon, 23 Nov 2026 00:00:00 GMT"}


@dataclass
class ArchiveServer:
    """A server of one account; each look at a job finishes one more of its days."""

    quota: int = 1000  # days that may still be asked for
    failing: set[str] = field(default_factory=set)  # days that no job can export
    without_file: set[str] = field(default_factory=set)  # days that are empty and have no file
    counts_only: bool = False  # jobs do not say which days are finished
    published: dict[str, set[str]] = field(default_factory=dict)  # days by type
    jobs: dict[str, tuple[str, list[str], int]] = field(default_factory=dict)  # sid: type, days, how many are finished
    created: list[tuple[str, str, str]] = field(default_factory=list)  # type, StartDay, EndDay of every creation
    downloads: int = 0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if request.url.host == "store.example.com":
            self.downloads += 1
            return httpx2.Response(200, stream=httpx2.ByteStream(content(path)))
        if found := re.fullmatch(r"/v1/Exports/(\w+)/Days", path):
            days = sorted(self.published.get(found[1], ()))
            return _page("days", [{"day": day, "size": len(content(f"/{found[1]}/{day}"))} for day in days])
        if found := re.fullmatch(r"/v1/Exports/(\w+)/Days/([0-9-]+)", path):
            if found[2] not in self.published.get(found[1], ()):
                return httpx2.Response(404, json={"code": 20404, "message": "no"})
            return httpx2.Response(307, json={"redirect_to": f"https://store.example.com/{found[1]}/{found[2]}"})
        if found := re.fullmatch(r"/v1/Exports/(\w+)/Jobs", path):
            return self._create(found[1], request) if request.method == "POST" else self._list(found[1])
        if found := re.fullmatch(r"/v1/Exports/Jobs/(\w+)", path):
            return self._fetch(found[1])
        return httpx2.Response(404, json={"code": 20404, "message": "no"})

    def _create(self, resource_type: str, request: httpx2.Request) -> httpx2.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        first, last = form["StartDay"], form["EndDay"]
        days = [str(day) for day in DayRange(first=Day.parse(first), last=Day.parse(last))]
        if len(days) > self.quota:
            return httpx2.Response(400, json={"code": 20001, "message": f"{self.quota} days are left today"})
        self.quota -= len(days)
        self.created.append((resource_type, first, last))
        sid = f"JS{len(self.jobs)}"
        self.jobs[sid] = (resource_type, days, 0)
        return httpx2.Response(201, json=_job(sid, days, None))

    def _list(self, resource_type: str) -> httpx2.Response:
        return _page("jobs", [_job(sid, days, None) for sid, (of, days, _) in self.jobs.items() if of == resource_type])

    def _fetch(self, sid: str) -> httpx2.Response:
        resource_type, days, finished = self.jobs[sid]
        finished = min(finished + 1, len(days))
        self.jobs[sid] = (resource_type, days, finished)
        groups: dict[str, list[str]] = {}
        for number, day in enumerate(days):
            status = "Submitted"
            if number < finished:
                empty = "CompletedEmptyRecords" if day in self.without_file else "Completed"
                status = "Failed" if day in self.failing else empty
            if status == "Completed":
                self.published.setdefault(resource_type, set()).add(day)
            groups.setdefault(status, []).append(day)
        return httpx2.Response(200, json=_job(sid, days, groups, counts_only=self.counts_only))


def content(path: str) -> bytes:
    """The file at a path of the store, of one line."""
    return gzip.compress(f'{{"path":"{path}"}}\n'.encode(), mtime=0)


def _page(key: str, items: list[dict[str, object]]) -> httpx2.Response:
    return httpx2.Response(200, headers=_NOW, json={key: items, "meta": {"key": key, "next_page_url": None}})


def _job(
    sid: str, days: list[str], groups: dict[str, list[str]] | None, *, counts_only: bool = False
) -> dict[str, object]:
    details = groups and [
        {"status": status, "count": len(some)} | ({} if counts_only else {"days": some})
        for status, some in groups.items()
    ]
    return {"job_sid": sid, "start_day": days[0], "end_day": days[-1], "friendly_name": "x", "details": details}
