"""A Quix dataframe: duplicates and persons in its state, facts and persons to PostgreSQL."""

import os
from tempfile import mkdtemp
from typing import Any
from urllib.parse import urlsplit

from quixstreams import Application  # type: ignore[import-not-found]
from quixstreams.sinks.community.postgresql import (  # type: ignore[import-not-found]
    PostgreSQLSink,
)

from bench.peers.core import Json, decide, decode, fold

_SEEN = "seen"


def read(value: bytes, _key: Any, _timestamp: int, headers: Any) -> Any:
    """Bytes to an event, None for what is not handled."""
    return decode(value, headers or ())


def take_in(event: Any, state: Any) -> Json | None:
    """Fold the event into the person of the record's key, unless it was seen before."""
    seen = state.get(_SEEN, [])
    if event.event_id in seen:
        return None
    state.set(_SEEN, [*seen, event.event_id])
    person = fold(state.get("person"), event)
    state.set("person", person)
    message = {"version": len(seen) + 1, **decide(person, {})}
    return {
        "fact": {
            "source": event.source,
            "event_id": event.event_id,
            "type": event.type,
            "subject": event.subject,
            "time": event.time.isoformat(),
            "body": event.data,
        },
        "person": {
            "source": event.source,
            "subject": event.subject,
            "state": person,
            "version": len(seen) + 1,
            "message": message,
        },
        "message": message,
    }


def sink(table: str, **options: Any) -> PostgreSQLSink:
    """A sink into a table that is there already."""
    url = urlsplit(os.environ["DATABASE_URL"])
    return PostgreSQLSink(
        host=url.hostname or "",
        port=url.port or 5432,
        dbname=url.path.removeprefix("/"),
        user=url.username or "",
        password=url.password or "",
        table_name=table,
        schema_auto_update=False,
        include_metadata=False,
        **options,
    )


app = Application(
    os.environ["KAFKA_BOOTSTRAP_SERVERS"],
    consumer_group=os.environ["GROUP"],
    auto_offset_reset="earliest",
    auto_create_topics=True,  # its changelog
    state_dir=mkdtemp(),
    commit_interval=1.0,
    commit_every=500,
    loglevel="WARNING",
)
sources = [
    app.dataframe(app.topic(name, key_deserializer="bytes", value_deserializer="bytes"))
    for name in os.environ["TOPICS"].split(",")
]
eligibility = app.topic(os.environ["ELIGIBILITY"], key_serializer="bytes", value_serializer="json")
events = sources[0]
for source in sources[1:]:
    events = events.concat(source)
events = events.apply(read, metadata=True).filter(lambda event: event is not None)
events = events.apply(take_in, stateful=True).filter(lambda answer: answer is not None)
events.apply(lambda answer: answer["fact"]).sink(sink("fact", on_conflict_do_nothing=True))
events.apply(lambda answer: answer["person"]).sink(
    sink("person", primary_key_columns=["source", "subject"], upsert_on_primary_key=True)
)
events.apply(lambda answer: answer["message"]).to_topic(eligibility)
app.run()
