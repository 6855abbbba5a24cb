"""How far a reader without a group has come."""

from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition


async def reached(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    """Whether the consumer has read every partition up to the offset."""
    positions = [(await consumer.position(one), end) for one, end in ends.items()]
    return all(position >= end for position, end in positions)
