"""How long a ban takes at shares of what the register can do."""

from bench.bans import time_bans
from bench.crew import working
from bench.figures import Figure, ratio_under
from bench.service import Service

SHARES = (0.1, 0.5, 0.8)
JUDGED = 0.5
OF_PING = 3.0


async def measure(service: Service, saturation: float, count: int) -> list[Figure]:
    """Time `count` bans at each share; every share has a register of its own."""
    figures = []
    for share in SHARES:
        register = await service.another(f"load-{share:.0%}".removesuffix("%"))
        async with working(register) as crew:
            await crew.ready()
            timing = await time_bans(register, count, share * saturation)
        figures.append(
            timing.figure(
                f"ban at {share:.0%} of saturation",
                ratio_under(OF_PING) if share == JUDGED else None,
                background_events_per_s=round(share * saturation),
            )
        )
    return figures
