"""What an event costs by how much is known of its person: the fold starts from the first fact."""

from collections.abc import Iterator, Sequence

from bench import in_process
from bench.crew import drain, working
from bench.events import consent, order, sms_ban
from bench.feeds import publish
from bench.figures import Figure
from bench.service import Service
from ops.generate.published import Published

RUN = "history"
PERSONS = 2_000
FILL = 5 * PERSONS
"""Events of a batch while the register is filled: each person is decided once for five."""


async def measure(service: Service, depths: Sequence[int]) -> list[Figure]:
    """The same persons with ever more facts; at each of `depths` every one of them sends one."""
    register = await service.another(RUN)
    known, costs = 0, []
    for depth in depths:
        rounds = range(known, depth)
        total = len(rounds) * PERSONS
        filled = known_before(rounds)
        await in_process.write(register, filled, size=FILL, keep_outbox=False, total=total)
        said = tuple(consent(RUN, person, f".said-{depth}") for person in range(PERSONS))
        await publish(register, said)
        async with working(register) as crew:
            costs.append(await drain(crew, PERSONS, name=f"{depth} facts a person"))
        known = depth + 1
    return [
        cost.cost(f"cost of an event of who has {depth} facts", costs[0], f"of who has {depths[0]}")
        for depth, cost in zip(depths[1:], costs[1:], strict=True)
    ]


def known_before(rounds: range) -> Iterator[Published]:
    """An event of each person in every round: an order, a consent, a ban on a channel, again."""
    kinds = (order, consent, sms_ban)
    for number in rounds:
        for person in range(PERSONS):
            yield kinds[number % len(kinds)](RUN, person, f".{number}")
