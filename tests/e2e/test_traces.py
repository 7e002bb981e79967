"""Traces of a server, as a collector sees them: requests, batches and their commits, jobs, seals, notices."""

from __future__ import annotations

import json
import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from dayfile.clock import SystemClock
from dayfile.errors import StorageUnavailable
from dayfile.model.day import last_custom_day
from dayfile.service import Service
from dayfile.settings import Settings
from dayfile.tracing.start import start_tracing
from dayfile.work.loop import Loop
from tests.e2e.cli_instance import Instance, serving
from tests.support.clock import FakeClock
from tests.support.collector import Collector, Seen, collecting
from tests.support.intake import Place, a_delivery
from tests.support.records import Sent, body_of
from tests.support.server import serving as app_served
from tests.support.state import an_account

DAY = "2026-11-01"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_a_job_can_be_followed_from_its_request_to_its_letter(tmp_path: Path) -> None:
    """With nothing but the variable that all programs of a machine share."""
    with collecting() as collector:
        instance = Instance(tmp_path, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
        account = _lived_through(instance)
    sent = _only(collector, "POST /v1/Records/{ResourceType}")
    batch, commit = _only(collector, "intake batch"), _only(collector, "intake commit")
    assert sent.span.trace_id.hex() == TRACE
    assert sent.span.parent_span_id.hex() == PARENT
    assert sent.facts["http.response.status_code"] == 200
    assert sent.facts["dayfile.request_id"].startswith("RQ")
    assert [link.span_id for one in (batch, commit) for link in one.span.links] == [sent.span.span_id] * 2
    assert (batch.facts["dayfile.records"], commit.facts["dayfile.records"]) == (1, 1)
    job, seal, piece = (_only(collector, name) for name in ("job", "seal", "execute piece"))
    assert (seal.span.parent_span_id, piece.span.parent_span_id) == (job.span.span_id, seal.span.span_id)
    assert (seal.facts["dayfile.lines"], seal.facts["dayfile.files"]) == (1, 1)
    assert _only(collector, "notice").facts["dayfile.channel"] == "mail"
    # Not even the address of a request: it would have the account in it.
    assert account not in str(collector.named("POST /v1/Exports/{ResourceType}/Jobs"))


def test_a_stranger_does_not_choose_the_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the header they could have their requests sampled, or put them into the trace of somebody else."""
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        with Service.open(Settings.read(data_dir=tmp_path)) as service, app_served(lambda _: service.api()) as url:
            httpx2.get(f"{url}/healthz", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    assert _only(collector, "GET /healthz").span.trace_id.hex() != TRACE


def test_a_step_that_cannot_be_done_is_in_the_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason, which is the database or the storage as a rule; steps that find nothing to do are not."""

    def away() -> bool:
        raise StorageUnavailable("the bucket does not answer")

    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        spans = start_tracing(os.environ)
        Loop("days", {"sealing": away, "sweeping": lambda: False}, clock=FakeClock(), spans=spans).tick()
        spans.close()
    step = _only(collector, "worker step")
    assert (step.facts["dayfile.step"], step.errors[0]["exception.type"]) == ("sealing", "StorageUnavailable")


def test_records_that_are_read_together_are_in_the_traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their batch and its commit are linked to each of their requests, as those of a batch that comes alone."""
    place = Place(tmp_path)
    with closing(place.database), collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        account, spans = an_account(place.database).sid, start_tracing(os.environ)
        incoming = []
        for number in range(4):
            sent = Sent(account=account, name=f"{number}", created=f"{DAY}T10:00:00Z", updated=f"{DAY}T10:00:00Z")
            with spans.serving("request", traceparent=None):
                incoming.append(replace(a_delivery(b""), blocks=[body_of([sent])], origin=spans.here()))
        with place.process(spans=spans) as intake:
            assert [answer.result().accepted for answer in intake.submit_all(incoming)] == [1] * 4
        spans.close()
    requests = [one.span.span_id for one in collector.named("request")]
    batch, commit = _only(collector, "intake batch"), _only(collector, "intake commit")
    assert [link.span_id for link in batch.span.links] == [link.span_id for link in commit.span.links] == requests
    assert (batch.facts["dayfile.requests"], batch.facts["dayfile.records"]) == (4, 4)
    assert (commit.facts["dayfile.batches"], commit.facts["dayfile.records"]) == (1, 4)


def _lived_through(instance: Instance) -> str:
    """Send a record and ask for its day, from behind a proxy that traces; the account."""
    instance.variables["DAYFILE_TRUSTED_PROXIES"] = "127.0.0.1"
    day = str(last_custom_day(SystemClock().now()))
    with serving(instance) as server:
        account = instance.json("accounts", "create", "--email", "owner@example.com")
        key = instance.json("keys", "create", "--operator")
        instance.variables |= {
            "DAYFILE_URL": server.url,
            "DAYFILE_ACCOUNT_SID": account["account_sid"],
            "DAYFILE_AUTH_TOKEN": account["auth_token"],
        }
        moment = f"{day}T10:00:00Z"
        record = {"sid": "SM" + "1" * 32, "account_sid": account["account_sid"]}
        record |= {"date_created": moment, "date_updated": moment, "body": "hello"}
        answer = httpx2.post(
            f"{server.url}/v1/Records/Messages",
            content=json.dumps(record).encode(),
            auth=(key["sid"], key["secret"]),
            headers={"traceparent": f"00-{TRACE}-{PARENT}-01"},
        )
        assert answer.status_code == 200, answer.text
        instance.run("jobs", "create", "Messages", day, "--watch")
    return str(account["account_sid"])


def _only(collector: Collector, name: str) -> Seen:
    (found,) = collector.named(name)
    return found
