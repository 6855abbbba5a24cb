"""Which dead letters a command is about: by id, or by what they have in common."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from register.cli import times
from register.cli.dead_letter_prospects import NOT_THERE
from register.cli.environment import topic_prefix
from register.cli.errors import CliError, usage
from register.store import dead_letters as store
from register.store.dead_letters import Letter, Place, State, Wanted
from register.store.pool import Connection
from topics import INBOUND

AT_ONCE = 5_000
"""Letters that one command handles at most: their bytes are held in memory."""

_ID = re.compile(r"([a-z.-]+)/(\d{1,9})/(\d{1,18})", re.ASCII)
_NAMES = tuple(topic.name for topic in INBOUND)

_LEFT = {
    State.EXPIRED: NOT_THERE,
    State.RETRIED: "put back before; retry --again puts it back once more",
    State.DISCARDED: "discarded before; retry --again puts it back all the same",
}
"""Why a letter in this state is left alone."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Letters by id, or what they have in common."""

    ids: Sequence[str] = ()
    reason: str | None = None
    topic: str | None = None
    since: str | None = None

    def wanted(self, states: Iterable[State]) -> Wanted:
        """What to look for; raises `CliError` for a topic or a time that is none."""
        if self.topic is not None and self.topic not in _NAMES:
            raise usage(f"--topic is one of {', '.join(_NAMES)}")
        names = _NAMES if self.topic is None else (self.topic,)
        topics = [topic_prefix() + name for name in names]
        return Wanted(topics, list(states), self.reason, _moment(self.since))


@dataclass(frozen=True, slots=True)
class Choice:
    """Letters to handle, those that are `left` alone by the reason, and how many `more` match."""

    letters: Sequence[Letter]
    left: Mapping[str, Sequence[Place]]
    more: int


async def by_ids(connection: Connection, ids: Sequence[str]) -> list[Letter]:
    """The letters, in the order of their ids; raises `CliError` where there is none."""
    places = {place(one): one for one in ids}
    found = await store.at(connection, list(places), datetime.now(UTC))
    for missing in places.keys() - found.keys():
        raise CliError(f"there is no dead letter {places[missing]}; `register dead-letters list`")
    return [found[one] for one in places]


async def choose(connection: Connection, asked: Asked, accepted: Collection[State]) -> Choice:
    """Letters in the order in which they were received; of those that a filter finds, open ones.

    Raises `CliError` unless either ids or a filter are given.
    """
    wanted = asked.wanted([State.OPEN])
    has_filter = (asked.reason, asked.topic, asked.since) != (None, None, None)
    if bool(asked.ids) == has_filter:
        raise usage("name letters by id, or give some of --reason, --topic and --since")
    if has_filter:
        letters, total = await store.find(connection, wanted, datetime.now(UTC), AT_ONCE)
        return Choice(in_order(letters), {}, total - len(letters))
    left: dict[str, list[Place]] = defaultdict(list)
    named = await by_ids(connection, asked.ids)
    for letter in named:
        if letter.state not in accepted:
            left[_LEFT[letter.state]].append(letter.place)
    return Choice(in_order(one for one in named if one.state in accepted), left, 0)


def in_order(letters: Iterable[Letter]) -> list[Letter]:
    """As they were received: by offset within a partition, which keeps the order of a key."""
    return sorted(letters, key=lambda letter: letter.place)


def place(letter_id: str) -> Place:
    """Where a letter's record was received, out of the id; raises `CliError` for no id."""
    found = _ID.fullmatch(letter_id)
    if found is None or found[1] not in _NAMES or int(found[2]) >= 2**31:
        raise usage(
            "a letter is named by topic, partition and offset, as `list` shows it: "
            "channel.orders/3/1234"
        )
    return Place(topic_prefix() + found[1], int(found[2]), int(found[3]))


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return times.parse(text)
    except CliError as error:
        raise usage(str(error).replace("--at", "--since")) from None
