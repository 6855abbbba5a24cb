"""The local Kafka: real brokers from Apache Kafka's jars, without Docker."""

from ops.stack.kafka.cluster import KafkaCluster, KafkaNode
from ops.stack.kafka.jars import kafka_version

__all__ = ["KafkaCluster", "KafkaNode", "kafka_version"]
