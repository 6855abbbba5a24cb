"""Which topics are read by which lane; R2 holds across lanes: the register is the same in
whatever order the topics are read."""

from enum import StrEnum

from topics import (
    AGREEMENTS,
    CONSENTS,
    ORDERS,
    PROFILES,
    PROSPECTS,
    REQUESTS,
    SCREENINGS,
    SIGNUPS,
)


class Lane(StrEnum):
    """A loop of its own: consumer, connection, transactions."""

    URGENT = "urgent"
    BULK = "bulk"


URGENT = [topic.name for topic in (CONSENTS, REQUESTS, AGREEMENTS, SCREENINGS)]
"""Topics of the lane that must never wait: bans, requests, the gate before a campaign."""

BULK = [topic.name for topic in (ORDERS, SIGNUPS, PROFILES, PROSPECTS)]
"""Topics of the other lane, where a backlog may build up."""

TOPICS_OF = {Lane.URGENT: URGENT, Lane.BULK: BULK}
