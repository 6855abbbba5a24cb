"""A short run of the fuzzer: each input comes out as exactly one thing, and nothing breaks."""

import pytest

from register.store.pool import connect
from tests.conftest import Database
from tests.fuzz.database import run_in_database
from tests.fuzz.inputs import WORLD, Inputs
from tests.fuzz.memory import Came
from tests.fuzz.run import Result, run_in_memory

SEED = 20_260_301
MEMORY_WORLDS, DATABASE_WORLDS = 100, 3


def told(result: Result) -> str:
    """What broke."""
    return "\n".join(map(str, result.crashes.values()))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_input_breaks_the_way_in() -> None:
    """R1, R4, R28: decoding, intake and rules; every outcome is among them, most reasons too."""
    result = Result()
    run_in_memory(Inputs(SEED), range(MEMORY_WORLDS), result)
    assert not result.crashes, told(result)
    assert result.outcomes.total() == result.inputs == MEMORY_WORLDS * WORLD
    assert set(result.outcomes) == set(Came)
    assert len(result.reasons) > 12


@pytest.mark.integration
@pytest.mark.timeout(300)
async def test_no_input_breaks_the_store(database: Database) -> None:
    """R1, R2: each record comes out once, and what is stored follows from the facts."""
    result = Result()
    connection = await connect(database.url, "test")
    try:
        differences = await run_in_database(
            connection, Inputs(SEED), range(DATABASE_WORLDS), result
        )
    finally:
        await connection.close()
    assert not result.crashes, told(result)
    assert result.outcomes.total() == result.inputs == DATABASE_WORLDS * WORLD
    assert set(result.outcomes) == set(Came)
    assert not differences.found


def test_a_seed_gives_the_same_inputs() -> None:
    """So that a crash can be seen again, from any world on."""
    first, again = (list(Inputs(7).world(5)) for _ in range(2))
    assert first == again
    assert {one.number for one in first} == set(range(5 * WORLD, 6 * WORLD))
    assert first != list(Inputs(8).world(5))
