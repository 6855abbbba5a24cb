"""The worker as its keeper sees it: its pages, its metrics, how it stops."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ops.stack.workers import REPOSITORY
from tests.integration.support.deployment import Deployment
from tests.integration.support.events import order, structured
from topics import ORDERS

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


async def test_the_pages_of_a_healthy_worker(running: Deployment) -> None:
    (worker,) = running.workers
    assert worker.get("/healthz") == (200, "alive\n")
    assert worker.get("/readyz") == (200, "ready\n")
    status, text = worker.get("/metrics")
    assert status == 200
    assert list(text_string_to_metric_families(text))


async def test_every_metric_that_somebody_watches_is_there(running: Deployment) -> None:
    """What alerts and dashboards ask for, a worker tells, before anything has happened."""
    (worker,) = running.workers
    known = {
        name
        for family in text_string_to_metric_families(worker.get("/metrics")[1])
        for name in (family.name, *(f"{family.name}_{part}" for part in _parts(family.type)))
    }
    for folder in ("prometheus", "grafana"):
        watched = {
            name
            for path in (REPOSITORY / "ops" / folder).rglob("*.*")
            for name in re.findall(r"\bregister_[a-z_]+\b", path.read_text("utf-8"))
        }
        assert watched, f"ops/{folder} asks for nothing"
        recorded = {name for name in watched if ":" in name}
        assert watched - recorded <= known


def _parts(kind: str) -> tuple[str, ...]:
    return {"counter": ("total",), "histogram": ("bucket", "count", "sum")}.get(kind, ())


async def test_what_happens_is_counted(running: Deployment) -> None:
    """By topic and outcome; nothing of a person is a label."""
    (worker,) = running.workers
    good = structured(ORDERS.name, order("counted"))
    bad = structured(ORDERS.name, order("counted-bad"))
    bad_phone = bad.value.replace(b'"email"', b'"phone":"123","email"') if bad.value else b""
    await running.publish([good, good, type(bad)(bad.topic, bad.key, bad_phone, bad.headers)])
    await running.drained()
    for outcome in ("applied", "duplicate", "dead"):
        samples = worker.metric("register_events_total", topic=ORDERS.name, outcome=outcome)
        assert samples == 1, outcome
    assert worker.metric("register_dead_letters_total", reason="invalid_phone") == 1
    assert worker.metric("register_eligibility_records_total") == 1
    assert worker.metric("register_event_latency_seconds_count") == 1
    assert worker.metric("register_relay_leads") == 1
    assert "counted" not in worker.get("/metrics")[1]


async def test_a_quiet_worker_stops_at_once(running: Deployment) -> None:
    """SIGTERM: exit code 0, within 10 seconds, and nothing left behind. The last test here."""
    (worker,) = running.workers
    code, seconds = worker.stop(seconds=10)
    assert code == 0, worker.log_end()
    assert list(worker.folder.iterdir()) == [], "it makes no files where it is started"
    assert seconds < 5
