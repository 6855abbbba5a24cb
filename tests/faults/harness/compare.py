"""Everything that was said against everything that is held and told."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.harness.load import Place
from tests.faults.harness.questions import not_answered_once
from tests.faults.harness.reading import read_again
from tests.integration.support.broker import Outgoing
from tests.integration.support.database import Registered, connected
from tests.integration.support.deployment import READ, Deployment
from tests.integration.support.model import assert_nothing_lost, versions
from tests.integration.support.polling import until
from topics import DECISIONS, DISCLOSURES, ELIGIBILITY, RESPONSES


@dataclass(frozen=True, slots=True)
class Compared:
    """How much was compared, and what differs: in words, with ids and digests only.

    `read_again` are references whose persons a second reading of the rules decided too.
    """

    records: int
    persons: int
    digests: int
    read_again: int
    differences: tuple[str, ...]


async def compare(
    deployment: Deployment, said: Sequence[tuple[Outgoing, Place]], *, groups: int
) -> Compared:
    """Wait until all is taken in and told, and compare; so many groups of persons are read again.

    In a thread with an event loop of its own: the ways to the servers stay open meanwhile.
    """
    await settled(deployment)
    return await asyncio.to_thread(lambda: asyncio.run(_compare(deployment, said, groups)))


async def settled(deployment: Deployment, *, seconds: float = 120.0) -> None:
    """Wait until all is taken in, no sweep is under way, and the outbox is empty."""

    async def swept() -> bool:
        async with connected(deployment.database_url) as connection:
            return not await connection.fetchval(
                "select exists (select from sweep) or exists (select from disclosure_job)"
            )

    await deployment.taken_in(seconds=seconds)
    await until("the sweeps and disclosures to end", swept, seconds=seconds)
    await deployment.drained(seconds=seconds)


async def _compare(
    deployment: Deployment, said: Sequence[tuple[Outgoing, Place]], groups: int
) -> Compared:
    records = await deployment.read(*READ)
    differences: list[str] = []
    held: Registered | None = None
    again = 0
    kept = {record.place: (record.key, record.value) for record in records}
    lost = [place for record, place in said if kept.get(place) != (record.key, record.value)]
    if lost:
        differences.append(f"{len(lost)} acknowledged records are not on their topics: {lost[:3]}")
    try:
        answers = await deployment.read(DECISIONS.name, RESPONSES.name, DISCLOSURES.name)
        differences += not_answered_once(records, answers)
        held = await assert_nothing_lost(deployment)
        if groups:
            told = versions(await deployment.read(ELIGIBILITY.name))
            again, differing = read_again(records, told, groups)
            if differing:
                differences.append(f"read again: {len(differing)} persons differ: {differing[:3]}")
    except AssertionError as difference:
        differences.append(str(difference))
    except ValueError as error:
        # Its text may quote what it stumbled over.
        differences.append(f"a message that does not meet the contract: {type(error).__name__}")
    return Compared(
        len(records),
        len(held.customers) if held else 0,
        len(held.bans) if held else 0,
        again,
        tuple(differences),
    )
