"""The Kafka topics of the contract, declared once, and the command that makes them.

`topics.declarations` says what each topic is: its key, what it carries, who may write and read
it, how long it keeps records. Everything that needs a topic takes the constant from here:

    from topics import ELIGIBILITY, INBOUND
    await producer.send(prefix + ELIGIBILITY.name, key=customer_id, value=event)

`topics.provision` makes the missing ones and reports what differs; `python -m topics` does the
same from a shell (`provision`, `check`, `list`). An existing topic is never altered: changing
partitions moves keys to other partitions, and that is an operator's decision.
"""

from topics.declarations import (
    AGREEMENTS,
    BANS,
    CONSENTS,
    DEAD_LETTERS,
    DECISIONS,
    DISCLOSURES,
    ELIGIBILITY,
    INBOUND,
    ORDERS,
    OUTBOUND,
    PROFILES,
    PROSPECTS,
    REFUSALS,
    REQUESTS,
    RESPONSES,
    SCREENINGS,
    SIGNUPS,
    TOPICS,
    Topic,
)
from topics.provision import Difference, Report, check, provision

__all__ = [
    "AGREEMENTS",
    "BANS",
    "CONSENTS",
    "DEAD_LETTERS",
    "DECISIONS",
    "DISCLOSURES",
    "ELIGIBILITY",
    "INBOUND",
    "ORDERS",
    "OUTBOUND",
    "PROFILES",
    "PROSPECTS",
    "REFUSALS",
    "REQUESTS",
    "RESPONSES",
    "SCREENINGS",
    "SIGNUPS",
    "TOPICS",
    "Difference",
    "Report",
    "Topic",
    "check",
    "provision",
]
