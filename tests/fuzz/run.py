"""A run in memory: inputs, world by world, what came of them, and what broke on the way."""

import random
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.fuzz.inputs import Input, Inputs
from tests.fuzz.memory import Came, FuzzedRegister

_SHOWN = 400


@dataclass(frozen=True, slots=True)
class Crash:
    """What broke, and the first inputs that did; `place` is the line that raised."""

    error: str
    place: str
    inputs: tuple[Input, ...]
    trace: str

    def __str__(self) -> str:
        told = [f"{self.error} at {self.place}"]
        for one in self.inputs:
            value = (one.record.value or b"")[:_SHOWN]
            told.append(f"  input {one.number}, {'+'.join(one.how) or 'as it was'}: {value!r}")
        return "\n".join([*told, self.trace])


@dataclass(slots=True)
class Result:
    """Counts by outcome, and by code for dead letters; crashes, the first of each place.

    `slowest` is the most CPU seconds that an input of a batch took, and the batch's first input.
    """

    inputs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    crashes: dict[str, Crash] = field(default_factory=dict)
    slowest: tuple[float, int] = (0.0, -1)

    def count(self, came: Came, reason: str) -> None:
        """An input came out."""
        self.inputs += 1
        self.outcomes[came] += 1
        if reason:
            self.reasons[reason.split(":", 1)[0]] += 1

    def crash(self, guilty: Sequence[Input], lost: int, error: Exception) -> None:
        """Inputs came to nothing: keep why, if it is the first crash at its place."""
        self.inputs += lost
        self.outcomes["crashed"] += lost
        crash = crash_of(guilty, error)
        self.crashes.setdefault(crash.place, crash)


def crash_of(batch: Sequence[Input], error: Exception) -> Crash:
    """What an error says to somebody who has to mend it."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return Crash(
        f"{type(error).__name__}: {str(error)[:_SHOWN]}",
        f"{frame.filename}:{frame.lineno} {frame.name}",
        tuple(batch),
        "".join(traceback.format_tb(error.__traceback__)),
    )


def run_in_memory(
    made: Inputs,
    worlds: Iterable[int],
    result: Result,
    tell: Callable[[int], None] = lambda _: None,
) -> None:
    """Run worlds through decoding, intake and the rules; `tell` hears how many inputs are done."""
    for number in worlds:
        _run_world(list(made.world(number)), number, result)
        tell(result.inputs)


def batches(world: Sequence[Input], number: int) -> Iterator[Sequence[Input]]:
    """A world's inputs in the batches of odd sizes that a worker may get."""
    rng = random.Random(f"batches:{number}")
    start = 0
    while start < len(world):
        size = rng.choice((1, 5, 20, 60))
        yield world[start : start + size]
        start += size


def _run_world(world: Sequence[Input], number: int, result: Result) -> None:
    register = FuzzedRegister()
    for batch in batches(world, number):
        started = time.process_time()
        try:
            outcomes = register.take(batch)
        except Exception as error:  # noqa: BLE001 - finding them is what this is for
            result.crash(_guilty(batch, error), len(batch), error)
            register = FuzzedRegister()
            continue
        took = (time.process_time() - started) / len(batch)
        result.slowest = max(result.slowest, (took, batch[0].number))
        for outcome in outcomes:
            result.count(outcome.came, outcome.reason)


def _guilty(batch: Sequence[Input], error: Exception) -> Sequence[Input]:
    """The one input that breaks an empty register alike, else the batch."""
    for one in batch:
        try:
            FuzzedRegister().take([one])
        except Exception as alone:  # noqa: BLE001 - as above
            if type(alone) is type(error):
                return [one]
    return batch
