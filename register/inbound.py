"""From a Kafka record to an event for the register, or to a dead letter with its reason."""

from register.records import Record
from register.rules.digest import Digester
from register.rules.facts import PROTECTIVE
from register.rules.intake import intake
from register.store.batch import Arrived, Unread
from schemas.cloudevents import Message, decode
from schemas.problems import Unreadable
from topics import TOPICS


class Decoder:
    """Decodes, validates and normalises records; keeps no state between them."""

    def __init__(self, digester: Digester, prefix: str) -> None:
        self._digester = digester
        self._types = {prefix + topic.name: topic.types for topic in TOPICS.values()}

    def read(self, record: Record) -> Arrived | Unread:
        """Read one record; never raises for what a record holds."""
        try:
            message = decode(record.value, record.headers)
            self._check_topic(message, record.topic)
            taken = intake(message, record.received, self._digester)
        except Unreadable as error:
            return Unread(record, error.reason)
        return Arrived(record, taken, message.dropped)

    def _check_topic(self, message: Message, topic: str) -> None:
        """A type belongs to its topic, where access is granted; a no is heard anywhere."""
        kind = message.event.type
        if kind not in self._types[topic] and kind not in PROTECTIVE:
            raise Unreadable("unexpected_type", "type")
