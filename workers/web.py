"""Pages of a worker: `/metrics` for Prometheus, `/healthz` and `/readyz` for its keeper."""

from collections.abc import Callable
from typing import Any

import faust
from faust.web import Request, Response, View
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from workers.metrics import Metrics


def add_pages(app: faust.App, metrics: Metrics, unready: Callable[[], str | None]) -> None:
    """Add the pages; `unready` tells why events are not taken in, or messages not published."""

    @app.page("/metrics")
    async def show_metrics(view: View, _: Request) -> Response:
        """All metrics in Prometheus's text format."""
        return _respond(view, generate_latest(metrics.registry), 200, CONTENT_TYPE_LATEST)

    @app.page("/healthz")
    async def show_health(view: View, _: Request) -> Response:
        """200 while the process serves: outages are waited out, no reason to restart it."""
        return _respond(view, b"alive\n", 200)

    @app.page("/readyz")
    async def show_readiness(view: View, _: Request) -> Response:
        """200 while events are taken in and the outbox is served, else 503 and why."""
        why = unready()
        return _respond(view, f"{why or 'ready'}\n".encode(), 503 if why else 200)


def _respond(view: Any, body: bytes, status: int, content_type: str = "text/plain") -> Response:
    response: Response = view.bytes(body, content_type=None, status=status)
    response.headers["Content-Type"] = content_type
    return response
