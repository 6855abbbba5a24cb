"""Records as clients can send them that check less than ours."""

import asyncio
from collections.abc import Sequence

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import NotLeaderForPartitionError
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from tests.integration.support.broker import Outgoing

_SIZE = 1_000_000


class NoText(str):
    """A header's name whose bytes are no UTF-8."""

    __slots__ = ()

    def encode(self, *_: str) -> bytes:
        """Whatever the client asks for."""
        return b"na\xefve"


async def publish_together(kafka: str, partition: int, records: Sequence[Outgoing]) -> None:
    """Put records of one topic into one batch of a partition, in order."""
    topic = records[0].topic
    batch = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, -1, _SIZE)
    for number, one in enumerate(records):
        assert batch.append(number, None, one.key, one.value, list(one.headers)) is not None
    client = AIOKafkaClient(bootstrap_servers=kafka)
    try:
        await client.bootstrap()
        await client.set_topics([topic])
        leader = client.cluster.leader_for_partition(TopicPartition(topic, partition))
        request = ProduceRequest(None, -1, 10_000, [(topic, [(partition, bytes(batch.build()))])])
        while True:
            answer = await client.send(leader, request)
            ((_, ((_, error, *_),)),) = answer.topics
            if error != NotLeaderForPartitionError.errno:  # it has only just been made
                break
            await asyncio.sleep(0.1)
        assert error == 0, answer
    finally:
        await client.close()
