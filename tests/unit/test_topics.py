"""The declared topics say what the contract's table says, and carry every type once."""

from collections import Counter
from datetime import timedelta

import pytest

import topics
from schemas.docs.contract import codes, table
from schemas.inbound import INBOUND_TYPES
from schemas.outbound import OUTBOUND_TYPES
from topics import DEAD_LETTERS, INBOUND, OUTBOUND, TOPICS, Topic

EVERY_TYPE = INBOUND_TYPES.keys() | OUTBOUND_TYPES.keys()
ROWS = {codes(row[0])[0]: row[1:] for row in table("Topics")}


def test_every_topic_of_the_contract_is_declared_once_in_its_order() -> None:
    assert list(TOPICS) == list(ROWS)
    assert [topic.name for topic in (*INBOUND, *OUTBOUND)] == list(ROWS)


def test_every_topic_is_a_constant_of_the_package() -> None:
    constants = [value for value in vars(topics).values() if isinstance(value, Topic)]
    assert Counter(topic.name for topic in constants) == Counter(list(ROWS))


@pytest.mark.parametrize("name", ROWS)
def test_topic_agrees_with_the_contract(name: str) -> None:
    topic, (writers, key, cleanup, carries) = TOPICS[name], ROWS[name]
    assert set(topic.writers) == set(writers.split(", "))
    assert topic.key == key
    assert topic.cleanup == cleanup.split(",")[0]
    assert topic.types == EVERY_TYPE & set(codes(carries))
    assert topic.direction == ("outbound" if writers == "the service" else "inbound")


def test_nobody_outside_the_controller_reads_a_topic() -> None:
    """R63: no access list divides a topic by key: a partner would read what others were given."""
    outside = {"partners", "directories", "public registers"}
    assert {topic.name for topic in TOPICS.values() if outside & set(topic.readers)} == set()


def test_dead_letters_are_kept_for_14_days() -> None:
    assert ROWS[DEAD_LETTERS.name][2] == "delete, 14 days"
    assert DEAD_LETTERS.retention == timedelta(days=14)


def test_every_type_has_exactly_one_topic_of_its_direction() -> None:
    inbound = Counter(name for topic in INBOUND for name in topic.types)
    outbound = Counter(name for topic in OUTBOUND for name in topic.types)
    assert inbound == Counter(list(INBOUND_TYPES))
    assert outbound == Counter(list(OUTBOUND_TYPES))


def test_person_topics_are_co_partitioned() -> None:
    assert {topic.partitions for topic in INBOUND if topic.key == "subject"} == {12}


@pytest.mark.parametrize("topic", INBOUND, ids=lambda topic: topic.name)
def test_r4_the_broker_dates_inbound_records(topic: Topic) -> None:
    assert topic.settings()["message.timestamp.type"] == "LogAppendTime"


@pytest.mark.parametrize("topic", TOPICS.values(), ids=lambda topic: topic.name)
def test_a_topic_either_keeps_for_a_time_or_the_last_of_each_key(topic: Topic) -> None:
    settings = topic.settings()
    assert (topic.cleanup == "delete") == ("retention.ms" in settings)
    assert (topic.cleanup == "compact") == ("delete.retention.ms" in settings)


def test_a_dead_letter_has_room_for_whatever_an_inbound_topic_takes() -> None:
    room = int(DEAD_LETTERS.settings()["max.message.bytes"])
    assert all(int(topic.settings()["max.message.bytes"]) < room for topic in INBOUND)
