"""Which fault comes when: dealt from a seed, so that a run can be repeated. Pure."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count


class Kind(StrEnum):
    """What happens; the actions say how."""

    KILL = "worker ends"
    CUT = "database connections cut"
    BREAK = "connections break"
    FREEZE = "worker frozen"
    REBALANCE = "workers come and go"
    KAFKA = "Kafka away"
    POSTGRES = "PostgreSQL away"
    ERROR = "database error"
    TIMEOUT = "statement timeout"
    SLOW = "slow network"
    CLOCK = "clock step"
    REPEAT = "events sent again"


class Step(StrEnum):
    """Where in its work a worker is held: it has a batch in hand and has written nothing; has
    its keys written and decides; has said commit and heard no answer; has sent messages to
    Kafka and heard no answer; has heard that answer, and has not yet forgotten the messages."""

    RECEIVE = "receive"
    DECIDE = "decide"
    COMMIT = "commit"
    PUBLISH = "publish"
    ACKNOWLEDGE = "acknowledge"


@dataclass(frozen=True, slots=True)
class Card:
    """A fault without its particulars: at which step (None: whenever), and how."""

    kind: Kind
    step: Step | None = None
    how: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """A card as it was dealt.

    `pick` (0 to 1) says which of the workers or nodes there are, `seconds` how long it lasts,
    `pause` how long it is waited for; `alone` whether the next one waits until the register has
    caught up.
    """

    number: int
    card: Card
    pick: float
    seconds: float
    pause: float
    alone: bool

    def __str__(self) -> str:
        card = self.card
        words = [
            card.kind.value,
            card.how,
            f"at {card.step}" if card.step else "",
            f"(pick {self.pick:.2f}, {self.seconds:.1f} s)",
        ]
        return " ".join(filter(None, words))


KILLS = ("SIGKILL", "SIGTERM")
KAFKA, POSTGRES = "Kafka", "PostgreSQL"

DECK: tuple[Card, ...] = (
    *(Card(Kind.KILL, step, how) for step in (None, *Step) for how in KILLS),
    *(Card(Kind.CUT, step) for step in (None, *Step) if step is not Step.PUBLISH),
    Card(Kind.BREAK, Step.COMMIT, POSTGRES),
    Card(Kind.BREAK, Step.PUBLISH, KAFKA),
    Card(Kind.BREAK, None, POSTGRES),
    Card(Kind.BREAK, None, KAFKA),
    *(Card(Kind.FREEZE, step) for step in (None, Step.RECEIVE, Step.COMMIT, Step.PUBLISH)),
    *(Card(Kind.REBALANCE) for _ in range(2)),
    *(Card(Kind.KAFKA, None, how) for how in ("one killed", "one stopped", "one killed")),
    *(Card(Kind.KAFKA, None, how) for how in ("two killed", "all killed", "all restarted")),
    *(Card(Kind.POSTGRES, None, how) for how in ("killed", "killed", "restarted")),
    # Disk full; out of memory; a serialization failure.
    *(Card(Kind.ERROR, None, f"53100 {table}") for table in ("fact", "outbox", "consumer_offset")),
    Card(Kind.ERROR, None, "53200 event_key"),
    Card(Kind.ERROR, None, "40001 fact"),
    Card(Kind.TIMEOUT),
    Card(Kind.SLOW, None, KAFKA),
    Card(Kind.SLOW, None, POSTGRES),
    *(Card(Kind.CLOCK, None, how) for how in ("-172800", "-3600", "1", "7200", "172800")),
    Card(Kind.REPEAT, None, "as they were"),
    Card(Kind.REPEAT, None, "over connections that break"),
)
"""Each is dealt before any is dealt again."""

SHORT: tuple[Card, ...] = (
    Card(Kind.KILL, Step.COMMIT, "SIGKILL"),
    Card(Kind.KAFKA, None, "one killed"),
    Card(Kind.CUT, Step.DECIDE),
    Card(Kind.KILL, Step.ACKNOWLEDGE, "SIGKILL"),
    Card(Kind.BREAK, Step.PUBLISH, KAFKA),
    Card(Kind.POSTGRES, None, "killed"),
    Card(Kind.ERROR, None, "53100 outbox"),
    Card(Kind.KILL, Step.RECEIVE, "SIGTERM"),
    Card(Kind.REPEAT, None, "over connections that break"),
)
"""One fault of most kinds, for a run of a minute: nothing that waits for a session to end."""

_SECONDS: dict[Kind, tuple[float, float]] = {
    Kind.FREEZE: (7.0, 13.0),  # a worker's session runs out after 6 s, its transaction after 10 s
    Kind.REBALANCE: (0.0, 4.0),
    Kind.KAFKA: (0.0, 5.0),
    Kind.POSTGRES: (0.0, 4.0),
    Kind.SLOW: (3.0, 8.0),
    Kind.BREAK: (1.0, 4.0),
}
_OTHERWISE = (0.0, 2.0)
_ALONE = 0.6


def plan(seed: int, deck: Sequence[Card] = DECK) -> Iterator[Fault]:
    """Faults without end: the deck is shuffled, dealt, and shuffled again."""
    rng = random.Random(seed)
    cards: list[Card] = []
    for number in count(1):
        if not cards:
            cards = rng.sample(deck, len(deck))
        card = cards.pop()
        yield Fault(
            number=number,
            card=card,
            pick=rng.random(),
            seconds=rng.uniform(*_SECONDS.get(card.kind, _OTHERWISE)),
            pause=rng.uniform(0.0, 1.5),
            alone=rng.random() < _ALONE,
        )
