"""How much a batch may hold."""

from typing import cast

from aiokafka import AIOKafkaConsumer

from workers.ahead import Decode, ReadAhead


def _ahead(max_records: int = 500) -> ReadAhead:
    """Nothing is read here."""
    return ReadAhead(cast(AIOKafkaConsumer, None), cast(Decode, None), max_records)


def test_batches_that_take_long_get_shorter_and_longer_again() -> None:
    ahead = _ahead()
    ahead.fit(500, 3.0)
    ahead.fit(250, 1.5)
    assert ahead.limit == 125
    ahead.fit(125, 0.2)
    assert ahead.limit == 145
    for _ in range(3):
        ahead.fit(125, 0.05)
    assert ahead.limit == 500


def test_a_short_batch_that_takes_long_says_nothing_of_long_ones() -> None:
    """It waited for somebody's lock."""
    ahead = _ahead()
    ahead.fit(3, 20.0)
    assert ahead.limit == 500


def test_no_batch_gets_shorter_than_a_few_records_nor_longer_than_set() -> None:
    ahead = _ahead()
    for _ in range(20):
        ahead.fit(ahead.limit, 9.0)
    assert ahead.limit == 20
    one = _ahead(1)
    one.fit(1, 9.0)
    one.fit(1, 0.0)
    assert one.limit == 1
