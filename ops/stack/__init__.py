"""The local stack: real Kafka and PostgreSQL servers on loopback, without Docker.

    python -m ops.stack up|down|clean|status [--dir DIR]

As a library: `Stack` (everything), `KafkaCluster` (one or more brokers) and `Postgres`,
each with start, stop and kill for fault tests.
"""

from ops.stack.errors import StackError
from ops.stack.kafka import KafkaCluster, KafkaNode, kafka_version
from ops.stack.postgres import Postgres
from ops.stack.progress import ConsoleProgress, Progress, Silent
from ops.stack.stack import DEFAULT_DIR, Part, Stack, read_env

__all__ = [
    "DEFAULT_DIR",
    "ConsoleProgress",
    "KafkaCluster",
    "KafkaNode",
    "Part",
    "Postgres",
    "Progress",
    "Silent",
    "Stack",
    "StackError",
    "kafka_version",
    "read_env",
]
