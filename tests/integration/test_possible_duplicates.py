"""The gauge of customers who share a contact point (R50)."""

import pytest

from tests.integration.support.database import connected
from tests.integration.support.deployment import Deployment
from tests.integration.support.events import order, structured
from tests.integration.support.polling import until
from topics import ORDERS

pytestmark = pytest.mark.integration


async def test_possible_duplicates_are_counted(deployment: Deployment) -> None:
    """R50: by a worker that has nothing else to do, for all of them; again when it is time."""
    first, second = await deployment.start_worker(), await deployment.start_worker()
    household = [order("aino"), order("eero"), order("maija")]
    for placed in household[:2]:
        placed["data"]["party"]["phone"] = "+358401234567"
        placed["data"]["party"]["name"]["given"] = placed["subject"]
    await deployment.publish(structured(ORDERS.name, placed) for placed in household)
    await deployment.drained()

    async def counted() -> bool:
        async with connected(deployment.database_url) as connection:
            await connection.execute("update counted set at = at - interval '1 hour'")
        return all(worker.metric("register_possible_duplicates") == 2 for worker in (first, second))

    await until("the two who share a number to be counted", counted)
