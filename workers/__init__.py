"""The worker process: a faust app whose services move events into the register and out again.

`app` wires it once. `ingest` is the batch loop from Kafka to PostgreSQL, `relay` publishes the
outbox, `sweeps` does what is due by itself, `web` serves metrics and health. Run it
with `python -m workers`.
"""
