"""How long a ban takes at shares of what the register can do."""

from bench.bans import time_bans
from bench.crew import BOTH_LANES, working
from bench.figures import Figure, ratio_under
from bench.service import Service

TOGETHER = (BOTH_LANES,)
APART = tuple(BOTH_LANES.split(","))
LOADS = ((0.1, TOGETHER), (0.5, TOGETHER), (0.5, APART), (0.8, TOGETHER))
"""Shares, and whether one worker runs both lanes or each has a worker of its own."""
JUDGED = 0.5
OF_PING = 3.0


async def measure(service: Service, saturation: float, count: int) -> list[Figure]:
    """Time `count` bans under each load, in a register of its own."""
    figures = []
    for number, (share, lanes) in enumerate(LOADS):
        register = await service.another(f"load-{number}")
        async with working(register, lanes=lanes) as crew:
            await crew.ready()
            timing = await time_bans(register, count, share * saturation)
        apart = ", lanes apart" if lanes is APART else ""
        figures.append(
            timing.figure(
                f"ban at {share:.0%} of saturation{apart}",
                ratio_under(OF_PING) if share == JUDGED else None,
                background_events_per_s=round(share * saturation),
            )
        )
    return figures
