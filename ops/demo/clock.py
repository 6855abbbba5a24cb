"""How long after a ban was published its effect was visible."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Any

KEPT = 10_000
"""Bans that may still be answered; older ones changed nothing (they stood already)."""

Cause = tuple[str, str]
"""(`source`, `id`) of an event."""


@dataclass(frozen=True, slots=True)
class Enforced:
    """A ban whose effect arrived: after how many milliseconds, and where it was seen.

    `scope` is the ban's own.
    """

    scope: dict[str, Any]
    milliseconds: float
    seen_on: str


class BanClock:
    """Matches what the service says to the bans that were published. Times are in seconds."""

    def __init__(self) -> None:
        self.placed = 0
        self.enforced: deque[Enforced] = deque(maxlen=KEPT)
        # None once the effect was seen: a ban counts once, however many records it causes.
        self._started: dict[Cause, tuple[float, dict[str, Any]] | None] = {}
        self._traces: dict[str, Cause] = {}

    def start(self, event: dict[str, Any], now: float) -> None:
        """A traced ban is about to be published; delivered again it keeps its first time."""
        cause = event["source"], event["id"]
        if cause in self._started:
            return
        self.placed += 1
        self._started[cause] = now, event["data"]["scope"]
        self._traces[trace_id(event["traceparent"])] = cause
        if len(self._started) > KEPT:
            del self._started[next(iter(self._started))]
            del self._traces[next(iter(self._traces))]

    def seen_cause(self, cause: Cause, seen_on: str, now: float) -> Enforced | None:
        """A record names its cause; gives the ban's time if that is a ban not seen before."""
        waiting = self._started.get(cause)
        if waiting is None:
            return None
        self._started[cause] = None
        started, scope = waiting
        enforced = Enforced(scope, (now - started) * 1000, seen_on)
        self.enforced.append(enforced)
        return enforced

    def seen_trace(self, traceparent: str, seen_on: str, now: float) -> Enforced | None:
        """As `seen_cause`, for a record that carries only the trace of its cause."""
        cause = self._traces.get(trace_id(traceparent))
        return None if cause is None else self.seen_cause(cause, seen_on, now)


def trace_id(traceparent: str) -> str:
    """The trace's part of a W3C trace context; the whole text if it is none."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) >= 3 else traceparent


def quantile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed.

    Raises ValueError if there is no value.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values")
    return ordered[max(0, ceil(share * len(ordered)) - 1)]
