"""Reading the numbers that the workers serve."""

import asyncio
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One number with its labels."""

    name: str
    labels: dict[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Samples:
    """Everything served at one moment; what is not there counts as nothing."""

    samples: tuple[Sample, ...] = field(default=())

    def total(self, name: str, **labels: str) -> float:
        """The sum over all samples of that name that have these labels."""
        return sum(sample.value for sample in self._named(name, labels))

    def by(self, label: str, name: str, **labels: str) -> dict[str, float]:
        """The sums per value of a label."""
        sums: dict[str, float] = {}
        for sample in self._named(name, labels):
            key = sample.labels.get(label, "")
            sums[key] = sums.get(key, 0.0) + sample.value
        return sums

    def quantile(self, name: str, share: float) -> float | None:
        """The upper bound of the histogram's bucket that holds this quantile; None if empty."""
        buckets = self.by("le", f"{name}_bucket")
        total = buckets.get("+Inf", 0.0)
        if total == 0:
            return None
        bounds = sorted((float(bound), count) for bound, count in buckets.items())
        return next(bound for bound, count in bounds if count >= share * total)

    def _named(self, name: str, labels: dict[str, str]) -> Iterable[Sample]:
        return (
            sample
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


async def scrape(url: str) -> Samples:
    """Read all samples; raises OSError when nobody answers."""
    text = await asyncio.to_thread(_read, url)
    return Samples(
        tuple(
            Sample(sample.name, sample.labels, sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        )
    )


def _read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
        body: bytes = answer.read()
        return body.decode()
