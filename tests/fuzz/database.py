"""The same inputs through `write_batch`, on a real PostgreSQL."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from register.inbound import Decoder
from register.store.batch import Arrived, Batch, Outcome, Unread, write_batch
from register.store.pool import Connection
from register.store.verify import Differences
from tests.fuzz.inputs import Input, Inputs
from tests.fuzz.memory import Came
from tests.fuzz.run import Result, batches
from tests.integration.store.driver import StoreDriver


async def run_in_database(
    connection: Connection,
    made: Inputs,
    worlds: Iterable[int],
    result: Result,
    tell: Callable[[int], None] = lambda _: None,
) -> Differences:
    """Write worlds, one after another, into one empty register; then do what is left to be done.

    Returns where the register differs from its facts in the end.
    """
    register = StoreDriver(connection)
    decoder = Decoder(register.rules.digester, "")
    for number in worlds:
        for batch in batches(list(made.world(number)), number):
            await _write(register, decoder, batch, result)
            tell(result.inputs)
    await register.sweep()
    return await register.verify()


async def _write(
    register: StoreDriver, decoder: Decoder, batch: Sequence[Input], result: Result
) -> None:
    """Write a batch; where it breaks, one by one, as a worker does."""
    try:
        outcome = await _outcome(register, decoder, batch)
    except Exception as error:  # noqa: BLE001 - finding them is what this is for
        if len(batch) == 1:
            result.crash(batch, 1, error)
            return
        for one in batch:
            await _write(register, decoder, [one], result)
        return
    for came, reason in _each_once(batch, outcome):
        result.count(came, reason)


async def _outcome(register: StoreDriver, decoder: Decoder, batch: Sequence[Input]) -> Outcome:
    read = [decoder.read(one.record) for one in batch]
    arrived = [one for one in read if isinstance(one, Arrived)]
    unread = [one for one in read if isinstance(one, Unread)]
    last = batch[-1].record
    offsets = {(one.record.topic, 0): last.offset + 1 for one in batch}
    now = last.received
    return await write_batch(
        register.connection, Batch(arrived, unread, offsets), register.rules, now
    )


def _each_once(batch: Sequence[Input], outcome: Outcome) -> list[tuple[Came, str]]:
    """What came of each record, exactly one thing."""
    dead = {one.record.offset: one.reason for one in outcome.dead}
    came: list[tuple[int, Came]] = [(offset, Came.DEAD) for offset in dead]
    for kind, records in (
        (Came.APPLIED, outcome.applied),
        (Came.REFUSED, outcome.refused),
        (Came.DUPLICATE, outcome.duplicates),
    ):
        came += [(one.record.offset, kind) for one in records]
    assert Counter(offset for offset, _ in came) == Counter(one.number for one in batch)
    assert len(outcome.dead) == len(dead)
    return [(kind, dead.get(offset, "")) for offset, kind in came]
