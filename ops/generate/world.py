"""What the generator remembers of what it has said: who is known where, and what stands."""

import random
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from ops.generate.people import Json, Person, Population
from ops.generate.published import Source

REMEMBERED = 5_000
"""Orders, bans and agreements that later events may come back to."""

_TRIES = 20
"""How often to draw for a person of a wanted kind before giving up."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Account:
    """A person's channel identity: (`source`, `subject`)."""

    source: Source
    subject: str
    person: Person


@dataclass(frozen=True, slots=True)
class Order:
    """An open order; its end comes from the same account."""

    account: Account
    order_id: str


@dataclass(frozen=True, slots=True)
class Ban:
    """A ban as said: its end repeats source, subject and data."""

    source: Source
    subject: str | None
    data: Json


@dataclass(frozen=True, slots=True)
class Draft:
    """An event before it has an id and a time.

    `topic` is the contract's name. `shift` moves its time from the moment of speaking; None
    leaves that to the generator, which makes some events late.
    """

    topic: str
    source: Source
    type: str
    subject: str | None
    data: Json
    shift: timedelta | None = None


class World:
    """Memory of one run. `run` makes ids unique among runs, `seed` the subjects among seeds."""

    def __init__(self, seed: int, start: datetime, customers: int) -> None:
        if customers < 1:
            raise ValueError("a population has at least one person")
        # Dots and decimals: other references may look like a personal identity code.
        self.run = f"{seed}.{int(start.timestamp() * 1000)}"
        self.rng = random.Random(f"{seed}:events")
        self.accounts: list[Account] = []
        self.listed: list[Account] = []
        self.orders: deque[Order] = deque(maxlen=REMEMBERED)
        self.bans: deque[Ban] = deque(maxlen=REMEMBERED)
        self.agreements: deque[str] = deque(maxlen=REMEMBERED)
        self.expected: deque[Person] = deque()
        self._seed = seed
        self._customers = customers
        self._population = Population(random.Random(f"{seed}:people"))
        self._known: set[tuple[str, str]] = set()
        self._numbers = 0

    def number(self) -> str:
        """A reference that no other of this run or another run equals."""
        self._numbers += 1
        return f"{self.run}.{self._numbers}"

    def newcomer(self) -> Person | None:
        """A person whom no channel has named yet; None when the population is complete."""
        if self.expected and (self.rng.random() < 0.5 or self._complete):
            return self.expected.popleft()
        return self.invent()

    def invent(self) -> Person | None:
        """A new person who stays unknown to the channels; None when the population is complete."""
        return None if self._complete else self._population.invent()

    @property
    def _complete(self) -> bool:
        return len(self._population) >= self._customers

    def account(self, source: Source, person: Person) -> Account:
        """The person's identity at a channel; from now on events may come back to it."""
        return self._remember(self.accounts, source, person)

    def listing(self, source: Source, person: Person) -> Account:
        """The person's identity at a directory, which never speaks for the person."""
        return self._remember(self.listed, source, person)

    def acquaintance(self, kind: str | None = None) -> Account | None:
        """An account at a channel, of a person of this kind; None if none is found."""
        return self._pick(self.accounts, kind)

    def anybody(self, kind: str | None = None) -> Account | None:
        """An account at a channel or a directory, as `acquaintance`."""
        seen = len(self.accounts) + len(self.listed)
        if seen and self.rng.randrange(seen) >= len(self.accounts):
            return self._pick(self.listed, kind) or self._pick(self.accounts, kind)
        return self._pick(self.accounts, kind) or self._pick(self.listed, kind)

    def pop(self, remembered: deque[T]) -> T | None:
        """Take out one of what is remembered; None if there is nothing."""
        if not remembered:
            return None
        index = self.rng.randrange(len(remembered))
        remembered[index], remembered[-1] = remembered[-1], remembered[index]
        return remembered.pop()

    def _remember(self, accounts: list[Account], source: Source, person: Person) -> Account:
        subject = f"{source.prefix}-{self._seed}.{1000 + person.number}"
        account = Account(source, subject, person)
        if (source.uri, subject) not in self._known:
            self._known.add((source.uri, subject))
            accounts.append(account)
        return account

    def _pick(self, accounts: list[Account], kind: str | None) -> Account | None:
        if not accounts:
            return None
        for _ in range(_TRIES):
            account = self.rng.choice(accounts)
            if kind in (None, account.person.kind):
                return account
        return None
