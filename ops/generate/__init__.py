"""A seeded generator of believable channel events.

    generator = Generator(seed=7, start=datetime(2026, 1, 1, tzinfo=UTC), customers=1_000)
    for published in generator: ...

`python -m ops.generate` sends them to Kafka, or prints them (`--dry-run`).
"""

from ops.generate.generator import Generator
from ops.generate.mix import Options
from ops.generate.published import Published

__all__ = ["Generator", "Options", "Published"]
