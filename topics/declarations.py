"""One declaration per Kafka topic: the contract's "Topics" table as data.

Nothing else in the project names a topic. `docs/contract.md` is the normative table and
`tests/unit/test_topics.py` holds the two together; `topics.provision` makes the topics.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Literal

Direction = Literal["inbound", "outbound"]
Cleanup = Literal["delete", "compact"]

PARTITIONS = 12
"""Partitions of a topic unless configured; the inbound person topics must all have as many,
so that one person's events of every topic land on the same partition number."""

BACKUPS_KEPT = timedelta(days=14)
"""How old the oldest backup is that one would restore; older ones go (ops.backup)."""

RESTORE_WITHIN = timedelta(days=7)
"""How long it may take until a loss is noticed and the restored register has caught up."""

INBOUND_AT_LEAST = BACKUPS_KEPT + RESTORE_WITHIN
"""How long inbound records have to be kept: a restored register reads again what is newer than
the backup (R66)."""

RETENTION = timedelta(days=30)
"""How long a deleting topic keeps its records unless configured."""

DEAD_LETTER_RETENTION = timedelta(days=14)
"""Dead letters hold data as received, personal data too, so they go sooner (contract)."""

_KEEP_TOMBSTONES = timedelta(days=7)
_COMPACT_WITHIN = timedelta(days=1)

# The service takes values up to 1,000,000 bytes. The broker has to let a longer one in, with
# its key and headers: one that it turned away would be lost to its sender without a trace, as a
# dead letter it can be found. The dead-letter topic has room for the service's headers as well.
_INBOUND_BYTES = 1_200_000
_DEAD_LETTER_BYTES = 1_310_720
# An access report is one message, however much is held on the person (R60).
_RESPONSE_BYTES = 8_388_608


@dataclass(frozen=True, slots=True)
class Topic:
    """A Kafka topic of the contract.

    `direction` is the service's point of view: it reads inbound topics and writes outbound
    ones. `key` says in words what the record key is. `types` are the CloudEvents types that
    the topic carries; of the dead letters it is empty, since those are as received. `writers`
    and `readers` are roles, for documentation and access lists. `retention` is None where
    `cleanup` is "compact". `config` holds further broker settings, by Kafka's names for them.
    """

    name: str
    direction: Direction
    key: str
    cleanup: Cleanup
    types: frozenset[str]
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    partitions: int = PARTITIONS
    retention: timedelta | None = None
    config: Mapping[str, str] = field(default_factory=dict, hash=False)

    def settings(self) -> dict[str, str]:
        """Every topic setting that is declared, by Kafka's names, values as Kafka writes them."""
        settings = {"cleanup.policy": self.cleanup, **_STAMPED, **self.config}
        if self.retention is not None:
            settings["retention.ms"] = milliseconds(self.retention)
        return settings


def milliseconds(span: timedelta) -> str:
    """A time span as Kafka's settings write it."""
    return str(span // timedelta(milliseconds=1))


# The broker's clock stamps a record. So a replay dates an inbound one as the first reading did
# (R4), no sender's clock decides how long it is kept, and a worker whose clock goes wrong can
# publish all the same.
_STAMPED = {"message.timestamp.type": "LogAppendTime"}
_RECEIVED = {"max.message.bytes": str(_INBOUND_BYTES)}
# An erased customer's last record must go: within a day of being replaced it is compacted away,
# and a reader that was down for up to a week still sees the tombstone.
_COMPACTED = {
    "min.cleanable.dirty.ratio": "0.1",
    "delete.retention.ms": milliseconds(_KEEP_TOMBSTONES),
    "max.compaction.lag.ms": milliseconds(_COMPACT_WITHIN),
}


def _from_channels(name: str, *types: str, writers: tuple[str, ...]) -> Topic:
    """An inbound topic whose key is the event's `subject`, so that a person's events keep order."""
    return Topic(
        name,
        direction="inbound",
        key="subject",
        cleanup="delete",
        types=frozenset(types),
        writers=writers,
        readers=("the service",),
        retention=RETENTION,
        config=_RECEIVED,
    )


ORDERS = _from_channels(
    "channel.orders",
    "order.placed",
    "order.cancelled",
    "contract.ended",
    "billing.status-changed",
    writers=("channel systems",),
)

SIGNUPS = _from_channels("channel.signups", "signup.received", writers=("channel systems",))

CONSENTS = _from_channels(
    "channel.consents",
    "consent.granted",
    "consent.withdrawn",
    "ban.placed",
    "ban.lifted",
    writers=("channel systems",),
)

PROFILES = _from_channels(
    "channel.profiles", "profile.updated", "contact.left-company", writers=("channel systems",)
)

PROSPECTS = _from_channels(
    "directory.prospects",
    "prospect.listed",
    writers=("directories", "public registers", "partners"),
)

AGREEMENTS = Topic(
    "partner.agreements",
    direction="inbound",
    key="partner id",
    cleanup="compact",
    types=frozenset({"agreement.signed", "agreement.ended"}),
    writers=("the controller's contract system",),
    readers=("the service",),
    config={**_RECEIVED, **_COMPACTED},
)

REQUESTS = _from_channels(
    "register.requests",
    "access.requested",
    "rectification.requested",
    "erasure.requested",
    "merge.ordered",
    "disclosure.requested",
    writers=("customer service",),
)

SCREENINGS = Topic(
    "campaign.screenings",
    direction="inbound",
    key="campaign id",
    cleanup="delete",
    types=frozenset({"screening.requested"}),
    writers=("campaign tools",),
    readers=("the service",),
    retention=RETENTION,
    config=_RECEIVED,
)

ELIGIBILITY = Topic(
    "marketing.eligibility",
    direction="outbound",
    key="register customer id",
    cleanup="compact",
    types=frozenset({"eligibility.updated"}),
    writers=("the service",),
    readers=("campaign tools",),
    config=_COMPACTED,
)

BANS = Topic(
    "marketing.bans",
    direction="outbound",
    key="contact digest",
    cleanup="compact",
    types=frozenset({"ban-register.updated"}),
    writers=("the service",),
    readers=("campaign tools",),
    config=_COMPACTED,
)

DECISIONS = Topic(
    "campaign.decisions",
    direction="outbound",
    key="campaign id",
    cleanup="delete",
    types=frozenset({"screening.decided"}),
    writers=("the service",),
    readers=("campaign tools",),
    retention=RETENTION,
)

DISCLOSURES = Topic(
    "partner.disclosures",
    direction="outbound",
    key="partner id",
    cleanup="delete",
    types=frozenset({"disclosure.made", "disclosure.recalled"}),
    writers=("the service",),
    # An access list cannot divide a topic by key: a partner would read what others were given.
    readers=("the controller's hand-over system",),
    retention=RETENTION,
)

RESPONSES = Topic(
    "register.responses",
    direction="outbound",
    key="request id",
    cleanup="delete",
    types=frozenset({"access.reported", "request.completed", "request.refused"}),
    writers=("the service",),
    readers=("customer service",),
    retention=RETENTION,
    config={"max.message.bytes": str(_RESPONSE_BYTES)},
)

REFUSALS = Topic(
    "register.refusals",
    direction="outbound",
    key="subject",
    cleanup="delete",
    types=frozenset({"event.refused"}),
    writers=("the service",),
    readers=("the controller's channel operator", "operators"),
    retention=RETENTION,
)

DEAD_LETTERS = Topic(
    "register.dead-letters",
    direction="outbound",
    key="as received",
    cleanup="delete",
    types=frozenset(),
    writers=("the service",),
    readers=("operators",),
    retention=DEAD_LETTER_RETENTION,
    config={"max.message.bytes": str(_DEAD_LETTER_BYTES)},
)

INBOUND: tuple[Topic, ...] = (
    ORDERS,
    SIGNUPS,
    CONSENTS,
    PROFILES,
    PROSPECTS,
    AGREEMENTS,
    REQUESTS,
    SCREENINGS,
)
"""What the service reads, in the order of the contract's table."""

OUTBOUND: tuple[Topic, ...] = (
    ELIGIBILITY,
    BANS,
    DECISIONS,
    DISCLOSURES,
    RESPONSES,
    REFUSALS,
    DEAD_LETTERS,
)
"""What the service writes, in the order of the contract's table."""

TOPICS: Mapping[str, Topic] = MappingProxyType(
    {topic.name: topic for topic in (*INBOUND, *OUTBOUND)}
)
"""Every topic by its name (without a deployment's prefix)."""
