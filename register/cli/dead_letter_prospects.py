"""What would come of a dead letter that is put back now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from register.cli.dead_letter_topic import AsReceived
from register.cli.environment import digester, topic_prefix
from register.inbound import Decoder
from register.rules.facts import PROTECTIVE
from register.store.batch import Arrived, Unread
from register.store.dead_letters import Known, Letter, Place, known
from register.store.pool import Connection
from topics import DEAD_LETTERS

NOT_THERE = (
    f"its bytes are not on {DEAD_LETTERS.name}: gone with the topic's retention, "
    "or not published yet"
)
_CUT = "its bytes are too long for the topic of dead letters, which has only a part of them"
_NEVER_THERE = (
    "the register has no bytes of it: they are at the offset that its id names; "
    "whoever sent it must send it again"
)
_OTHER_EVENT = (
    "another event was taken in under its id (R1): whoever sent it must send it again "
    "under a new one"
)
TAKEN_IN = "its event was taken in already (R1)"

# Of such a record, earlier workers had nothing to keep.
_NO_BYTES = "malformed_header: name"


@dataclass(frozen=True, slots=True)
class Prospect:
    """What would come of it: it would be taken in, or there is an `obstacle`, or it `is_there`
    already. `later` counts the events of the same person that are dated later and were taken in.
    """

    obstacle: str | None = None
    is_there: bool = False
    later: int = 0

    @property
    def is_ready(self) -> bool:
        """Whether it would be taken in."""
        return self.obstacle is None and not self.is_there


async def prospects(
    connection: Connection, letters: Sequence[Letter], found: Mapping[Place, AsReceived]
) -> dict[Place, Prospect]:
    """The prospect of each letter: read as a worker would read it, and looked up."""
    decoder = Decoder(digester(), topic_prefix())
    judged: dict[Place, Prospect] = {}
    events: dict[Place, Arrived] = {}
    for letter in letters:
        received = found.get(letter.place)
        read = decoder.read(received.record) if received else None
        obstacle = unreadable(letter, received, read)
        if obstacle is not None:
            judged[letter.place] = Prospect(obstacle)
        elif isinstance(read, Arrived):
            events[letter.place] = read
    answers = await known(connection, list(events.values()))
    for (place, event), answer in zip(events.items(), answers, strict=True):
        judged[place] = taken_in(event.intake.fact.type, answer)
    return judged


def unreadable(
    letter: Letter, received: AsReceived | None, read: Arrived | Unread | None
) -> str | None:
    """Why a worker could not read the record today; None where it could."""
    if received is None:
        return NOT_THERE
    if letter.reason == _NO_BYTES and received.record.value is None:
        return _NEVER_THERE
    if not received.whole:
        return _CUT
    return f"it still cannot be read: {read.reason}" if isinstance(read, Unread) else None


def taken_in(kind: str, answer: Known) -> Prospect:
    """What would come of a readable event (R1): another body under a known id counts only
    where it says no."""
    if answer.has:
        return Prospect(is_there=True, later=answer.later)
    if answer.conflicting or (answer.other_body and kind not in PROTECTIVE):
        return Prospect(_OTHER_EVENT)
    return Prospect(later=answer.later)
